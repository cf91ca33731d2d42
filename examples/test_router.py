"""Asks the provider behind every virtual key who it is. Of keys that the file has by their hash only, it says so.

    pip install -r examples/requirements.txt
    python examples/test_router.py [keys.json]

GATEWAY_URL  where the gateway listens; default http://127.0.0.1:8080
KEYS_FILE    where no file is given; default keys.json
MODEL        asked of every key; default: the first chat model that GET /v1/models shows for the key
"""

import json
import os
import re
import sys

from openai import OpenAI, OpenAIError

GATEWAY_URL = os.environ.get("GATEWAY_URL", "http://127.0.0.1:8080")
NOT_FOR_CHAT = re.compile("audio|babbage|dall-e|davinci|embed|image|instruct|moderation|realtime|sora|transcribe|tts|whisper")


def main() -> int:
    keys_file = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("KEYS_FILE", "keys.json")
    with open(keys_file, encoding="utf-8") as file:
        virtual_keys = json.load(file)["virtual_keys"]
    if not virtual_keys:
        print(f"{keys_file} holds no virtual keys", file=sys.stderr)
        return 1

    print(row("KEY", "PROVIDER", "MODEL", "ANSWER"))
    failed = 0
    for key, entry in virtual_keys.items():
        provider = entry.get("provider") or ",".join(target["provider"] for target in entry.get("targets", []))
        if key.startswith("sha256:"):
            print(row(shorten(key), provider, "", "not asked: the file has only its hash"))
            continue
        model = os.environ.get("MODEL", "")
        try:
            # All that is special about the gateway: its address, and a virtual key for an API key.
            client = OpenAI(base_url=f"{GATEWAY_URL}/v1", api_key=key)
            model = model or pick_model(client)
            answer = ask(client, model)
        except OpenAIError as error:
            failed += 1
            answer = f"FAILED: {error}"
        print(row(shorten(key), provider, model, answer))
    return 1 if failed else 0


def pick_model(client: OpenAI) -> str:
    for model in client.models.list():
        if not NOT_FOR_CHAT.search(model.id):
            return model.id
    raise OpenAIError("no chat model is listed for this key; name one in MODEL")


def ask(client: OpenAI, model: str) -> str:
    stream = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "Who are you? Answer in one short sentence."}],
        stream=True,
    )
    pieces = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
    return " ".join("".join(pieces).split())


def shorten(key: str) -> str:
    """Enough to tell keys apart, never the whole key."""
    return key[: min(8, len(key) // 2)] + "…"


def row(key: str, provider: str, model: str, answer: str) -> str:
    return f"{key:<14} {provider:<12} {model:<24} {answer}"


if __name__ == "__main__":
    sys.exit(main())
