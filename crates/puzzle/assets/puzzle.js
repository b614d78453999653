// Solves this shop's puzzles (ALTCHA, proof of work, version 2). The page's script and its workers' in one file.
"use strict";
(() => {
  const bytes = (hex) => Uint8Array.from(hex.match(/../g) || [], (pair) => parseInt(pair, 16));
  const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");

  // In a worker: every `step`th number from `start` on.
  const search = async ({ parameters, start, step }) => {
    const nonce = bytes(parameters.nonce);
    const salt = bytes(parameters.salt);
    const password = new Uint8Array(nonce.length + 4);
    password.set(nonce);
    const number = new DataView(password.buffer, nonce.length);
    const kdf = { name: "PBKDF2", hash: parameters.algorithm.split("/")[1], salt, iterations: parameters.cost };
    for (let counter = start, tried = 1; counter < 2 ** 32; counter += step, tried += 1) {
      number.setUint32(0, counter);
      const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
      const derivedKey = hex(await crypto.subtle.deriveBits(kdf, key, parameters.keyLength * 8));
      if (derivedKey.startsWith(parameters.keyPrefix)) return postMessage({ counter, derivedKey });
      if (tried % 32 === 0) postMessage({ tried: 32 });
    }
  };
  if (typeof document === "undefined") {
    onmessage = (event) => search(event.data);
    return;
  }

  const own = document.currentScript.src;
  // Where the page asks for it, only this address may become a worker.
  const trusted = window.trustedTypes
    ? trustedTypes.createPolicy("storeward", { createScriptURL: (url) => (url === own ? url : "") }).createScriptURL(own)
    : own;
  // `tell` hears how likely it was to be done by now, from 0 to 1.
  const solve = (puzzle, tell) => new Promise((resolve, reject) => {
    if (!window.Worker || !crypto.subtle) throw new Error("this browser cannot");
    const challenge = JSON.parse(puzzle);
    const { parameters } = challenge;
    const expected = 16 ** parameters.keyPrefix.length;
    const began = Date.now();
    const workers = [];
    let tried = 0;
    const end = (then, value) => {
      for (const worker of workers) worker.terminate();
      then(value);
    };
    const step = Math.max(1, Math.min(4, navigator.hardwareConcurrency || 1));
    for (let start = 0; start < step; start += 1) {
      const worker = new Worker(trusted);
      workers.push(worker);
      worker.onerror = () => end(reject, new Error("a worker ended"));
      worker.onmessage = ({ data }) => {
        if (data.tried) {
          tried += data.tried;
          return tell(1 - Math.exp(-tried / expected));
        }
        const solution = { ...data, time: Date.now() - began };
        return end(resolve, btoa(JSON.stringify({ challenge, solution })));
      };
      worker.postMessage({ parameters, start, step });
    }
  });

  // A page that stands in the shop's place until the puzzle is solved.
  const place = document.querySelector("[data-puzzle-pass]");
  if (place) {
    const { puzzlePass, puzzle, after } = place.dataset;
    const bar = place.querySelector("progress");
    const show = (name) => {
      for (const part of place.querySelectorAll("[data-when]")) part.hidden = part.dataset.when !== name;
    };
    const pass = async () => {
      show("working");
      const answer = await solve(puzzle, (share) => { bar.value = share; });
      bar.value = 1;
      const body = new URLSearchParams({ answer });
      const got = await fetch(puzzlePass, { method: "POST", body });
      if (!got.ok) throw new Error("no pass");
      show("done");
      if (after === "reload") location.reload();
    };
    pass().catch(() => show("failed"));
  }

  // Forms that go faster with a solved puzzle. Whatever goes wrong: they are sent without one.
  for (const field of document.querySelectorAll("input[data-puzzle]")) {
    const { form } = field;
    const note = form.querySelector("[data-puzzle-note]");
    const bar = note && note.querySelector("progress");
    let pressed = null;
    solve(field.dataset.puzzle, (share) => { if (bar) bar.value = share; })
      .then((answer) => { field.value = answer; }, () => {})
      .then(() => {
        field.removeAttribute("data-puzzle");
        if (pressed) form.requestSubmit(pressed === form ? undefined : pressed);
      });
    form.addEventListener("submit", (event) => {
      if (!field.hasAttribute("data-puzzle")) return;
      event.preventDefault();
      pressed = event.submitter || form;
      if (note) note.hidden = false;
    });
  }
})();
