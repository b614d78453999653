"""How many lines of what people write are stopped, each line as a value: lines come on standard input.

    apt-cache dumpavail | sed -n 's/^ //p' | grep .... | sort -u | shuf -n 40000 | python3 tests/oracles/prose.py
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "target/debug/examples/verdicts")
    lines = [line.rstrip(b"\n") for line in sys.stdin.buffer]
    values = b"".join(line.hex().encode() + b"\n" for line in lines)
    answers = subprocess.run([program], input=values, stdout=subprocess.PIPE, check=True).stdout.split(b"\n")
    stopped = [(answer, line) for answer, line in zip(answers, lines) if answer.strip() != b"-"]
    for answer, line in stopped:
        print(answer.decode(), line.decode("utf-8", "replace"))
    print(f"{len(lines)} lines, {len(stopped)} stopped")


if __name__ == "__main__":
    main()
