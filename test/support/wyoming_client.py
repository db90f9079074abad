"""A client of the Wyoming protocol as Home Assistant's library reads it, written from the protocol's description.

It reads header lines with asyncio's readline and its limit of 64 KiB, refuses an `info` that lacks what the library's
data classes require, and gives `describe` one second. Called with host, port and a text; speaks the text, in one go and
as a stream, hears both again and prints what it saw as JSON.
"""

import asyncio
import json
import sys


async def write_event(writer, kind, data=None, payload=b""):
    header = {"type": kind, "version": "1.7.2"}
    body = b""
    if data:
        body = json.dumps(data, ensure_ascii=False).encode("utf-8")
        header["data_length"] = len(body)
    if payload:
        header["payload_length"] = len(payload)
    writer.write(json.dumps(header, ensure_ascii=False).encode("utf-8") + b"\n" + body + payload)
    await writer.drain()


async def read_event(reader):
    line = await reader.readline()
    if not line:
        return None
    header = json.loads(line)
    data = header.get("data", {})
    if header.get("data_length"):
        data = {**data, **json.loads(await reader.readexactly(header["data_length"]))}
    payload = b""
    if header.get("payload_length"):
        payload = await reader.readexactly(header["payload_length"])
    return header["type"], data, payload


def require(value, *names):
    for name in names:
        if name not in value:
            raise TypeError(f"{name} is missing in {sorted(value)}")


def check_info(info):
    for program in [*info["asr"], *info["tts"]]:
        require(program, "name", "attribution", "installed")
        require(program["attribution"], "name", "url")
    for entry in [model for program in info["asr"] for model in program["models"]] + [
        voice for program in info["tts"] for voice in program["voices"]
    ]:
        require(entry, "name", "attribution", "installed", "languages")
        require(entry["attribution"], "name", "url")


async def describe(host, port):
    reader, writer = await asyncio.open_connection(host, port)
    await write_event(writer, "describe")

    async def info():
        while True:
            kind, data, _ = await read_event(reader)
            if kind == "info":
                return data

    data = await asyncio.wait_for(info(), timeout=1)
    writer.close()
    check_info(data)
    return data


async def synthesize(host, port, text):
    """One utterance; the format of its first chunk counts."""
    reader, writer = await asyncio.open_connection(host, port)
    await write_event(writer, "synthesize", {"text": text})
    rate, audio = None, b""
    while True:
        kind, data, payload = await read_event(reader)
        if kind == "audio-chunk":
            rate = rate or data["rate"]
            audio += payload
        elif kind == "audio-stop":
            break
        elif kind == "error":
            raise RuntimeError(data["text"])
    writer.close()
    return rate, audio


async def synthesize_stream(host, port, text):
    """Text in pieces, with the whole text for old servers; ends at synthesize-stopped and nowhere else."""
    reader, writer = await asyncio.open_connection(host, port)
    await write_event(writer, "synthesize-start", {})
    for at in range(0, len(text), 3):
        await write_event(writer, "synthesize-chunk", {"text": text[at : at + 3]})
    await write_event(writer, "synthesize", {"text": text})
    await write_event(writer, "synthesize-stop")
    rate, audio = None, b""
    while True:
        kind, data, payload = await read_event(reader)
        if kind == "audio-start":
            rate = rate or data["rate"]
        elif kind == "audio-chunk":
            audio += payload
        elif kind == "synthesize-stopped":
            break
        elif kind == "error":
            raise RuntimeError(data["text"])
    writer.close()
    return rate, audio


async def transcribe(host, port, rate, audio):
    """Uploads and reads at the same time; an early transcript ends the upload."""
    reader, writer = await asyncio.open_connection(host, port)
    audio_format = {"rate": rate, "width": 2, "channels": 1}

    async def upload():
        await write_event(writer, "transcribe", {"language": "en"})
        await write_event(writer, "audio-start", audio_format)
        for at in range(0, len(audio), 2048):
            await write_event(writer, "audio-chunk", audio_format, audio[at : at + 2048])
        await write_event(writer, "audio-stop")

    uploading = asyncio.create_task(upload())
    while True:
        event = await read_event(reader)
        if event is None:
            raise RuntimeError("the server hung up")
        kind, data, _ = event
        if kind == "transcript":
            break
        if kind == "error":
            raise RuntimeError(data["text"])
    uploading.cancel()
    writer.close()
    return data["text"]


async def main(host, port, text):
    info = await describe(host, port)
    whole_rate, whole = await synthesize(host, port, text)
    stream_rate, stream = await synthesize_stream(host, port, text)
    print(
        json.dumps(
            {
                "programs": [info["asr"][0]["name"], info["tts"][0]["name"]],
                "rates": [whole_rate, stream_rate],
                "whole": await transcribe(host, port, whole_rate, whole),
                "stream": await transcribe(host, port, stream_rate, stream),
                "nothing": await transcribe(host, port, 16000, b""),
            }
        )
    )


asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
