/** Its boundary is judged where the form is read. */
const FORM = /^multipart\/form-data[ \t]*;/i

/** Whether a content type says that the body is a form. */
export function isForm (type: string): boolean {
  return FORM.test(type)
}
