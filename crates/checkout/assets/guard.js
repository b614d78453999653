// The first script of a paying page. It closes what no content policy closes: WebRTC, other windows, leaving the page, frames with natives
// of their own. docs/checkout.md says what stays open. Nothing ran before it: what it takes here is the browser's own, and later it uses
// only that, never a method or an iterator that another script could have changed.
"use strict";
(() => {
  const { mode, report, to = "" } = document.currentScript.dataset;
  const stops = mode === "enforce";
  const approved = to.split(" ");
  const { apply, defineProperty, getOwnPropertyDescriptor: describe } = Reflect;
  const { fetch: send, URL: Address, document: page } = window;
  const { stringify } = JSON;
  const { indexOf, lastIndexOf, slice, toLowerCase } = String.prototype;
  const { then } = Promise.prototype;
  const { WeakSet: Marks } = window;
  const { has, add } = Marks.prototype;
  const { addEventListener: listen } = EventTarget.prototype;
  const { preventDefault, composedPath } = Event.prototype;
  const { getAttribute, getAttributeNS, hasAttribute, remove, querySelectorAll: within, matches } = Element.prototype;
  const { querySelectorAll: inFragment } = DocumentFragment.prototype;
  const { createComment, write } = Document.prototype;
  const { replaceChild } = Node.prototype;
  const { exec } = RegExp.prototype;
  const { observe } = MutationObserver.prototype;
  const read = (owner, name) => {
    const { get } = describe(owner, name);
    return (of) => apply(get, of, []);
  };
  const originOf = read(Address.prototype, "origin");
  const hostOf = read(Address.prototype, "hostname");
  const schemeOf = read(Address.prototype, "protocol");
  const typeOf = read(Event.prototype, "type");
  const kindOf = read(Node.prototype, "nodeType");
  const addedOf = read(MutationRecord.prototype, "addedNodes");
  const targetOf = read(MutationRecord.prototype, "target");
  const attributeOf = read(MutationRecord.prototype, "attributeName");
  const formerOf = read(MutationRecord.prototype, "oldValue");
  const countOf = read(NodeList.prototype, "length");
  const parentOf = read(Node.prototype, "parentNode");
  const isPlaced = read(Node.prototype, "isConnected");
  const canStop = read(Event.prototype, "cancelable");
  const baseOf = read(Node.prototype, "baseURI");
  const ownerOf = read(ShadowRoot.prototype, "host");
  const framesOf = read(window, "length");
  const elementOf = read(window, "frameElement");
  const goalOf = window.navigation && read(NavigateEvent.prototype, "destination");
  const urlOf = window.navigation && read(NavigationDestination.prototype, "url");
  const { origin } = location;
  const FRAMES = "iframe,frame,object,embed";
  const nothing = () => {};

  // At most twenty facts a page, each once; of an address no more than its host, of that its last two parts: those before may be what was stolen.
  const told = { __proto__: null };
  let count = 0;
  const tell = (kind, channel, host = "") => {
    let at = host.length;
    for (let part = 0; part < 2 && at > 0; part += 1) at = apply(lastIndexOf, host, [".", at - 1]);
    host = apply(slice, host, [at + 1]);
    const key = `${kind} ${channel} ${host}`;
    if (told[key] || count === 20) return;
    told[key] = true;
    count += 1;
    const body = stringify({ __proto__: null, kind, channel, host });
    const headers = { __proto__: null, "content-type": "application/json" };
    try {
      apply(then, apply(send, window, [report, { __proto__: null, method: "POST", keepalive: true, headers, body }]), [nothing, nothing]);
    } catch { /* what is not told was stopped all the same */ }
  };
  const stop = (channel, host) => {
    tell(stops ? "blocked" : "seen", channel, host);
    return stops;
  };

  /** The host that an address leads to, if that is neither the page's own nor approved. A mail or a call is the person's to send. */
  const foreign = (url, base) => {
    let address;
    try { address = new Address(url, base); } catch { return ""; }
    const from = originOf(address);
    for (let at = 0; at < approved.length; at += 1) if (approved[at] === from) return "";
    const scheme = schemeOf(address);
    return from === origin || scheme === "mailto:" || scheme === "tel:" ? "" : hostOf(address) || scheme;
  };

  /** Puts ours in the place of a native, for good. */
  const wrap = (owner, name, around) => {
    const found = owner && describe(owner, name);
    if (!found || !found.configurable) return;
    const native = found.value || found.set || found.get;
    const ours = { [name](...args) { return around(native, this, args); } }[name];
    const fixed = { __proto__: null, enumerable: found.enumerable, configurable: false, get: found.get || (() => ours) };
    if (found.set) fixed.set = ours;
    else if (found.get) fixed.get = ours;
    else {
      fixed.set = function (value) {
        if (this === owner || this === undefined) tell("tampered", "other");
        else defineProperty(this, name, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
      };
    }
    defineProperty(owner, name, fixed);
  };

  // Every frame gets what this page got, before anybody can reach into it.
  const armed = new WeakSet();
  const visit = (w) => {
    for (let at = framesOf(w) - 1; at >= 0; at -= 1) {
      try {
        const frame = w[at];
        if (!apply(has, armed, [frame.document])) arm(frame);
        visit(frame);
      } catch { /* of another host, whose affair it is */ }
    }
  };
  const swept = (native, self, args) => {
    try { return apply(native, self, args); } finally { visit(window); }
  };
  const sweep = () => visit(window);
  // What is put into the page goes in without its frames, so that nothing that runs meanwhile finds one; then each by itself.
  const swap = (frame, held) => {
    const place = apply(createComment, page, [""]);
    const parent = parentOf(frame);
    if (parent) apply(replaceChild, parent, [place, frame]);
    held[held.length] = { __proto__: null, place, frame };
    return place;
  };
  const hold = (args, most, held) => {
    for (let at = 0; at < args.length && at < most; at += 1) {
      let kind = 0;
      try { kind = kindOf(args[at]); } catch { /* a text */ }
      if (kind !== 1 && kind !== 11) continue;
      const inside = apply(kind === 1 ? within : inFragment, args[at], [FRAMES]);
      for (let next = 0; next < inside.length; next += 1) swap(inside[next], held);
      if (most > 1 && kind === 1 && apply(matches, args[at], [FRAMES])) args[at] = swap(args[at], held);
    }
  };
  const placed = (most) => (native, self, args) => {
    const held = [];
    try {
      if (stops && isPlaced(self)) hold(args, most, held);
      return swept(native, self, args);
    } finally {
      for (let at = 0; at < held.length; at += 1) {
        const { place, frame } = held[at];
        const parent = parentOf(place);
        if (parent) apply(replaceChild, parent, [frame, place]);
        visit(window);
      }
    }
  };
  const one = placed(1);
  const many = placed(Infinity);

  /** The foreign host that a link around a node leads to. */
  const leads = (node) => {
    for (; node; node = parentOf(node) || (kindOf(node) === 11 && ownerOf(node))) {
      if (kindOf(node) !== 1 || !apply(matches, node, ["a,area"])) continue;
      const href = apply(getAttribute, node, ["href"]) ?? apply(getAttributeNS, node, ["http://www.w3.org/1999/xlink", "href"]);
      if (href !== null) return foreign(href, baseOf(node));
    }
    return "";
  };
  const onClick = (event) => {
    let host = "";
    try { host = leads(apply(composedPath, event, [])[0]); } catch { /* in no page */ }
    if (host && stop("popup", host)) apply(preventDefault, event, []);
  };
  const clicked = (native, self, args) => {
    let host = "";
    try {
      if (!args.length || typeOf(args[0]) === "click" || typeOf(args[0]) === "auxclick") host = leads(self);
    } catch { /* no node of a page */ }
    return host && stop("popup", host) ? false : apply(native, self, args);
  };
  const onNavigate = (event) => {
    const host = canStop(event) && foreign(urlOf(goalOf(event)));
    if (host && stop("navigate", host)) apply(preventDefault, event, []);
  };
  // A frame that has natives of ours keeps them: it goes to another host, as the policy allows, or nowhere.
  const onFrameNavigate = (event) => {
    const url = urlOf(goalOf(event));
    const host = foreign(url);
    if ((!host || host === "about:" || host === "blob:") && stop("frame", host)) apply(preventDefault, event, []);
  };
  // A window of the page's own host has natives of its own: it opens without a way to it. One of nobody does not open.
  const opened = (native, self, args) => {
    const url = args[0] === undefined ? "" : `${args[0]}`;
    const host = url === "" ? "about:" : foreign(url, baseOf(page));
    if (host && stop("window_open", host)) return null;
    args[0] = url;
    let isOwn = false;
    try { isOwn = originOf(new Address(url, baseOf(page))) === origin; } catch { /* the native says so */ }
    if (stops && isOwn) args[2] = `${args[2] ?? ""},noopener`;
    const other = apply(native, self, args);
    try { if (other) arm(other); } catch { /* of another host */ }
    return other;
  };
  const reopened = (native, self, args) => {
    if (args.length > 2) return opened(native, self, args);
    const same = swept(native, self, args);
    attend(self);
    return same;
  };
  // Frames and scripts that are written in one go would meet before we meet the frame.
  let tail = "";
  const written = (native, self, args) => {
    let text = tail;
    for (let at = 0; at < args.length; at += 1) text += args[at] = `${args[at]}`;
    const low = apply(toLowerCase, text, []);
    tail = apply(slice, low, [apply(lastIndexOf, low, ["<"])]);
    const holds = (word) => apply(indexOf, low, [word]) >= 0;
    if (holds("<script") && (holds("<iframe") || holds("<frame") || holds("<object") || holds("<embed")) && stop("frame")) return;
    // Where nothing is being read, writing begins the page anew and takes listeners off, before what is written runs.
    // (By `write`: `writeln` would put a line end before what is written.)
    apply(write, self, [""]);
    attend(self);
    swept(native, self, args);
    attend(self);
  };
  const defined = (native, self, args) => {
    const found = args[1]?.prototype;
    const native_ = found?.connectedCallback;
    if (native_) found.connectedCallback = function () { visit(window); return apply(native_, this, []); };
    return apply(native, self, args);
  };

  // Hints cannot be held back from here, but each says a host's name and no more, and it is seen.
  const HINTS = "link[rel~=preconnect i],link[rel~=dns-prefetch i],link[rel~=prefetch i]";
  const hinted = (link, href = apply(getAttribute, link, ["href"])) => {
    const host = foreign(href ?? "", baseOf(link));
    if (host) tell("seen", "preconnect", host);
  };
  // By the records, and not by the page: a hint that is gone again has done its work.
  const noticed = (records) => {
    visit(window);
    // Whose `rel` was taken away meanwhile was one all the same, and so was the address that it had.
    const were = new Marks();
    for (let at = 0; at < records.length; at += 1) {
      const target = targetOf(records[at]);
      if (attributeOf(records[at]) !== "rel" || !apply(matches, target, ["link"])) continue;
      if (apply(exec, /preconnect|prefetch/i, [formerOf(records[at]) ?? ""])) apply(add, were, [target]);
    }
    for (let at = 0; at < records.length; at += 1) {
      const target = targetOf(records[at]);
      const name = attributeOf(records[at]);
      const former = formerOf(records[at]);
      if (name === "href" && (apply(has, were, [target]) || apply(matches, target, [HINTS]))) hinted(target, former);
      if (name === "rel" && apply(has, were, [target])) hinted(target);
      if (name && apply(matches, target, [HINTS])) hinted(target);
      const added = addedOf(records[at]);
      for (let next = countOf(added) - 1; next >= 0; next -= 1) {
        if (kindOf(added[next]) !== 1) continue;
        if (apply(matches, added[next], [HINTS])) hinted(added[next]);
        const inside = apply(within, added[next], [HINTS]);
        for (let each = countOf(inside) - 1; each >= 0; each -= 1) hinted(inside[each]);
      }
    }
  };
  const watch = new MutationObserver(noticed);
  const WATCHED = { __proto__: null, childList: true, subtree: true, attributes: true, attributeOldValue: true, attributeFilter: ["rel", "href"] };
  const rooted = (native, self, args) => {
    const root = apply(native, self, args);
    if (root) {
      apply(listen, root, ["load", sweep, true]);
      apply(observe, watch, [root, WATCHED]);
    }
    return root;
  };
  // Who reads the page's nonce may load what they like.
  const hidden = [["HTMLElement", "nonce"], ["SVGElement", "nonce"], ["MathMLElement", "nonce"], ["SecurityPolicyViolationEvent", "originalPolicy"],
    ["CSPViolationReportBody", "originalPolicy"], ["CSPViolationReportBody", "toJSON"]];
  const hide = (owner, name) => {
    const found = owner && describe(owner, name);
    if (found?.configurable) defineProperty(owner, name, { __proto__: null, get: () => "", set: found.set, configurable: false });
  };
  /** Again after whatever writes the page anew, which takes listeners off. */
  const attend = (written) => {
    apply(listen, window, ["click", onClick, true]);
    apply(listen, window, ["auxclick", onClick, true]);
    apply(listen, page, ["load", sweep, true]);
    if (written !== page) apply(listen, written, ["load", sweep, true]);
  };

  const PLACES = [
    [one, "Node", "appendChild insertBefore replaceChild"],
    [many, "Element", "append prepend replaceChildren before after replaceWith insertAdjacentElement"],
    [many, "Document", "append prepend replaceChildren"],
    [many, "DocumentFragment", "append prepend replaceChildren"],
    [many, "CharacterData", "before after replaceWith"],
    [swept, "Range", "insertNode surroundContents"],
    [swept, "Element", "innerHTML outerHTML insertAdjacentHTML setHTMLUnsafe setHTML moveBefore"],
    [swept, "ShadowRoot", "innerHTML setHTMLUnsafe setHTML"],
    [swept, "Document", "body execCommand"],
    [swept, "HTMLTableElement", "caption tHead tFoot"],
    [swept, "HTMLSelectElement", "add"],
    [swept, "HTMLIFrameElement", "contentWindow contentDocument"],
    [swept, "HTMLFrameElement", "contentWindow contentDocument"],
    [swept, "HTMLObjectElement", "contentWindow contentDocument"],
    [rooted, "Element", "attachShadow shadowRoot"],
    [clicked, "HTMLElement", "click"],
    [clicked, "EventTarget", "dispatchEvent"],
    [reopened, "Document", "open"],
    [written, "Document", "write writeln"],
    [defined, "CustomElementRegistry", "define"],
  ];
  for (const place of PLACES) place[2] = place[2].split(" ");

  const arm = (w) => {
    apply(add, armed, [w.document]);
    const frame = w === window ? null : elementOf(w);
    if (frame && apply(hasAttribute, frame, ["srcdoc"]) && stop("frame")) {
      apply(remove, frame, []);
      return;
    }
    const { RTCPeerConnection: native } = w;
    const gone = { __proto__: null, get: () => (stop("webrtc") ? undefined : native), set: nothing, configurable: false };
    if (native) {
      defineProperty(w, "RTCPeerConnection", gone);
      defineProperty(w, "webkitRTCPeerConnection", gone);
    }
    wrap(w, "open", opened);
    for (let at = 0; at < PLACES.length; at += 1) {
      for (let next = 0; next < PLACES[at][2].length; next += 1) wrap(w[PLACES[at][1]]?.prototype, PLACES[at][2][next], PLACES[at][0]);
    }
    for (let at = 0; stops && at < hidden.length; at += 1) hide(w[hidden[at][0]]?.prototype, hidden[at][1]);
    // No window hears of what loads in its page, its document does, and before the frame's own listeners.
    apply(listen, w.document, ["load", sweep, true]);
    apply(observe, watch, [w.document, WATCHED]);
    if (w.navigation) apply(listen, w.navigation, ["navigate", w === window ? onNavigate : onFrameNavigate]);
  };
  arm(window);
  attend(page);
  try {
    if (stops && window.opener) window.opener = window.opener.document ? window.opener : null;
  } catch { window.opener = null; }
})();
