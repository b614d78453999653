// Guidance while a password is typed, from our own server, over the connection that the form goes over in the end. The form
// is complete without it. Nothing is kept, neither here nor there.
"use strict";
(() => {
  // After so long without a key: enough to read on, and few questions.
  const PAUSE_MS = 400;
  // What goes out is filled up to a multiple of this, so that its length tells nobody on the way how long the password is.
  const FILLED_TO = 1024;

  for (const box of document.querySelectorAll("[data-meter]")) {
    const form = box.closest("form");
    const field = form.elements.password;
    const bar = box.querySelector("[data-meter-bar]");
    const words = box.querySelector("[data-meter-words]");
    const show = box.querySelector("[data-meter-show]");
    let timer = 0;
    let asked = null;
    let last = "";

    const say = (score, text) => {
      if (score) bar.dataset.score = String(score);
      else delete bar.dataset.score;
      // A screen reader reads it out: only when it is another sentence.
      if (words.textContent !== text) words.textContent = text;
    };

    const request = async (signal) => {
      const body = new URLSearchParams({ csrf: form.elements.csrf.value, password: field.value });
      for (const name of ["email", "name"]) {
        if (form.elements[name]) body.set(name, form.elements[name].value.slice(0, 100));
      }
      body.set("fill", "");
      body.set("fill", "x".repeat((FILLED_TO - (body.toString().length % FILLED_TO)) % FILLED_TO));
      const answer = await fetch(box.dataset.meter, {
        method: "POST", body, signal, cache: "no-store", redirect: "error", headers: { accept: "application/json" },
      });
      if (!answer.ok) throw new Error("nothing is said");
      return answer.json();
    };

    const ask = async () => {
      if (asked) asked.abort();
      last = field.value;
      if (!last) return say(0, "");
      const mine = asked = new AbortController();
      try {
        const told = await request(mine.signal);
        if (mine !== asked) return undefined;
        if (told.score === null) return say(0, "");
        const head = told.fits ? told.strength + "." : "";
        return say(Math.max(told.score, 1), [head, ...told.advice].filter(Boolean).join(" "));
      } catch {
        // Advice only: what is wrong is told when the form is sent.
        if (mine === asked) say(0, "");
        return undefined;
      }
    };

    field.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => { if (field.value !== last) ask(); }, PAUSE_MS);
    });
    show.addEventListener("click", () => {
      const hidden = field.type === "password";
      field.type = hidden ? "text" : "password";
      show.setAttribute("aria-pressed", String(hidden));
      field.focus();
    });
    // A password manager saves what it finds in a field of passwords only.
    form.addEventListener("submit", () => { field.type = "password"; clearTimeout(timer); if (asked) asked.abort(); });
    box.hidden = false;
  }
})();
