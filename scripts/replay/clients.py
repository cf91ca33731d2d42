"""The Python side: what clients.ts does, with the vendors' Python SDKs.

Reads jobs as JSON lines, writes what the SDK made of each reply as JSON lines in the same order.
"""

import functools
import json
import sys
import warnings

import anthropic
import openai

OPTIONS = {"max_retries": 0, "timeout": 60}

# What the SDKs take by name. Any other field goes in as it is.
NAMED = {
    "openai-chat": ("model", "messages"),
    "openai-responses": ("model", "input"),
    "anthropic-messages": ("model", "messages", "max_tokens"),
}


@functools.cache
def resource(api, base_url, key):
    if api == "anthropic-messages":
        return anthropic.Anthropic(base_url=base_url, auth_token=key, default_headers={"x-api-key": key}, **OPTIONS).messages
    client = openai.OpenAI(base_url=base_url, api_key=key, **OPTIONS)
    return client.chat.completions if api == "openai-chat" else client.responses


def carry_out(job):
    api, mode = job["api"], job["mode"]
    client = resource(api, job["baseUrl"], job["key"])
    body = {name: value for name, value in job["body"].items() if name != "stream"}
    named = {name: body.pop(name) for name in NAMED[api] if name in body}
    events = []
    try:
        if mode == "events":
            for event in client.create(**named, stream=True, extra_body=body):
                events.append(event.to_dict(mode="json"))
            return {"events": events}
        if mode == "whole":
            return {"reply": client.create(**named, stream=False, extra_body=body).to_dict(mode="json")}
        return {"reply": final(api, client, named, body)}
    except Exception as error:  # whatever it is, it is what the app would see
        return {**({"events": events} if mode == "events" else {}), "error": describe(error)}


def final(api, client, named, body):
    with client.stream(**named, extra_body=body) as stream:
        if api == "anthropic-messages":
            return stream.get_final_message().to_dict(mode="json")
        if api == "openai-responses":
            # What the SDK calls final is a completed response only.
            return [event.response for event in stream if hasattr(event, "response")][-1].to_dict(mode="json")
        try:
            return stream.get_final_completion().to_dict(mode="json")
        except (openai.LengthFinishReasonError, openai.ContentFilterFinishReasonError):
            # These two finishes are errors to the SDK, whoever answers.
            return stream.current_completion_snapshot.to_dict(mode="json")


def describe(error):
    told = {"message": f"{type(error).__name__}: {error}"}
    status = getattr(error, "status_code", None)
    # An error in a stream carries the stream's.
    if status is not None and status != 200:
        told["status"] = status
    body = getattr(error, "body", None)
    if isinstance(body, dict):
        inner = body.get("error") if isinstance(body.get("error"), dict) else body
        if isinstance(inner.get("message"), str):
            told["said"] = inner["message"]
    return told


warnings.simplefilter("ignore")
for line in sys.stdin:
    print(json.dumps(carry_out(json.loads(line))), flush=True)
