"""What the client matrix's Python programs that ask share: the command line and the output, see test/matrix/doc.go."""

import json
import os
import sys
import time


def main(ask):
    """Calls ask(bootstrap, question, topic) for each question; it gives the answer or raises what the client says."""
    for text in sys.argv[2:]:
        question, topic = text.split("=", 1)
        start = time.monotonic()
        answer = error = ""
        try:
            answer = ask(sys.argv[1], question, topic)
        except Exception as said:
            error = f"{type(said).__name__}: {said}"
        ms = int((time.monotonic() - start) * 1000)
        print(json.dumps({"question": text, "answer": answer, "ms": ms, "error": error}), flush=True)
    os._exit(0)  # a client that is closed may wait for its answers


def again(ask, bootstrap, topic):
    """Asks for a topic ten times, each time with a new client."""
    for _ in range(10):
        ask(bootstrap, "topic", topic)
    return "10 times"
