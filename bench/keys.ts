/** The real key, which only the provider may see. */
export const REAL_KEY = 'sk-bench-real-0123456789abcdefghijklmnop'
/** The virtual keys: for a provider that speaks the client's dialect, and for one that speaks another. */
export const VIRTUAL_KEY = 'vk_bench_0123456789abcdefghijklmnop'
export const TRANSLATED_KEY = 'vk_bench_translated_0123456789abcdef'
