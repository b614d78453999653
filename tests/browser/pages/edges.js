// Tricks of the skimmers beside that have a page of their own: each tells the guard of many things. They go to the end of the stack, where the
// browser still does what it is told and nobody has the room to look, and give the page a policy of the name `default` (Trusted Types), which
// the browser asks about a text once that was looked at.
"use strict";
globalThis.edges = ({ element, at, call, port, text }) => {
  /** What a frame has that nobody guards, and nothing else has. */
  const native = (inner) => Object.getOwnPropertyDescriptor(inner, "RTCPeerConnection")?.value;
  const last = () => window.length > 0 && native(window[window.length - 1]);
  const frame = () => document.createElement("iframe");
  /** What `act` gives at last, from the end of the stack up: in steps of some 400 bytes, once all of it is compiled in finer ones, and far from it. */
  const fromTheEnd = (act) => {
    let [found, count] = [native(frame()), 0];
    const deeper = (...more) => {
      try { deeper(...more); } catch { /* the end */ }
      if (found || count === 300) return;
      count += 1;
      try { found = act(); } catch { /* too near */ }
    };
    for (const wide of [32, 0]) {
      count = 0;
      deeper(...Array.from({ length: wide }, () => 0));
    }
    return found || act();
  };
  const callBy = (found, to) => found && call(found, to);
  const choose = (choice) => {
    element("select", {})[0] = choice;
    return last();
  };
  // One policy for all of them: each has a text of its own, and others are what they are.
  const answers = { __proto__: null };
  let isAsked = false;
  globalThis.unasked = new Set();
  const answer = (name, act) => {
    globalThis.unasked.add(name);
    answers[name] = () => {
      globalThis.unasked.delete(name);
      return act();
    };
    if (isAsked) return;
    isAsked = true;
    const asked = (given) => answers[given]?.() ?? given;
    trustedTypes.createPolicy("default", { createHTML: asked, createScript: asked, createScriptURL: (given) => given });
    element("meta", { "http-equiv": "Content-Security-Policy", content: "require-trusted-types-for 'script'" }, document.head);
  };
  const framed = (name) => `<iframe name="${name}"></iframe>`;
  /** Leaves the page. No listener has the room to run. */
  const leave = (card) => {
    const url = at(card);
    fromTheEnd(() => { location = url; });
  };
  const known = { "location-at-the-end-of-the-stack": leave };
  const edges = {
    "frame-at-the-end-of-the-stack"() {
      const to = port();
      return callBy(fromTheEnd(() => {
        const made = frame();
        try { document.body.append(made); } catch { /* it may be in all the same */ }
        const found = last();
        if (!found) made.remove();
        return found;
      }), to);
    },
    "frame-by-text-at-the-end-of-the-stack"() {
      const [to, outer] = [port(), element("div", {})];
      return callBy(fromTheEnd(() => {
        try { outer.innerHTML = framed("deep"); } catch { /* the same */ }
        const found = last();
        if (!found) outer.textContent = "";
        return found;
      }), to);
    },
    "frame-in-an-option-of-templates-in-templates"() {
      const to = port();
      const text = `${"<template>".repeat(300)}<option><b>${framed("kept")}</b></option>${"</template>".repeat(300)}`;
      return callBy(fromTheEnd(() => {
        let kept = document.createElement("template");
        try { kept.innerHTML = text; } catch { /* the same */ }
        while (kept.content.firstChild?.localName === "template") kept = kept.content.firstChild;
        return kept.content.querySelector("iframe") ? choose(kept.content.firstChild) : undefined;
      }), to);
    },
    "link-at-the-end-of-the-stack"(card) {
      const url = at(card);
      let count = 0;
      fromTheEnd(() => {
        Object.assign(document.createElement("a"), { href: url, target: "beside" }).click();
        return (count += 1) === 20;
      });
    },
    "element-of-a-class-at-the-end-of-the-stack"() {
      const to = port();
      let found;
      customElements.define("x-deep", class extends HTMLElement {
        disconnectedCallback() { found ??= last(); }
      });
      fromTheEnd(() => {
        const [made, old] = [frame(), document.body.appendChild(document.createElement("x-deep"))];
        try { document.body.replaceChild(made, old); } catch { /* the same */ }
        if (!found) made.remove();
        old.remove();
        return found;
      });
      return callBy(found, to);
    },
    "policy-that-brings-a-frame"() {
      const to = port();
      let found;
      answer("brings", () => "<iframe></iframe><x-brought></x-brought>");
      customElements.define("x-brought", class extends HTMLElement {
        connectedCallback() { found ??= last(); }
      });
      element("div", {}).innerHTML = "brings";
      return callBy(found ?? last(), to);
    },
    "policy-that-brings-a-page"(card) {
      const page = text(card, "webrtc").replaceAll('"', "&quot;");
      answer("page", () => `<iframe sandbox="allow-scripts" srcdoc="${page}"></iframe>`);
      element("div", {}).innerHTML = "page";
    },
    "policy-that-moves-the-place-into-an-option"() {
      const [to, outer, choice] = [port(), element("div", {}), document.createElement("option")];
      answer(framed("into"), () => choice.append(outer));
      outer.innerHTML = framed("into");
      return callBy(choose(choice), to);
    },
    "policy-that-moves-what-goes-into-an-option"() {
      const [to, outer, choice] = [port(), element("div", {}), document.createElement("option")];
      const between = choice.appendChild(document.createElement("p"));
      answer(framed("stead"), () => between.append(outer));
      outer.outerHTML = framed("stead");
      return callBy(choose(choice), to);
    },
    "policy-that-asks-while-it-is-asked"() {
      const [to, outer, choice] = [port(), element("div", {}), document.createElement("option")];
      answer("inner", () => choice.append(outer));
      answer(framed("outer"), () => { element("div", {}).innerHTML = "inner"; });
      outer.outerHTML = framed("outer");
      return callBy(choose(choice), to);
    },
    "policy-asked-about-a-script-beside-a-frame"() {
      const [to, both, code] = [port(), document.createDocumentFragment(), document.createElement("script")];
      let found;
      answer("asked()", () => { found ??= last(); });
      code.append("asked()");
      both.append(frame(), code);
      document.body.append(both);
      return callBy(found, to);
    },
    "frame-written-by-halves"() {
      answer("half", () => 'ame></iframe><x-half></x-half>');
      const to = port();
      customElements.define("x-half", class extends HTMLElement {
        constructor() {
          super();
          const found = last();
          if (found) call(found, to);
        }
      });
      document.write("<ifr");
      document.write("half");
    },
  };
  return { edges, known };
};
