// The first script of a paying page. It closes what no content policy closes: WebRTC, other windows, leaving the page, passkeys of others'
// hosts, frames with natives of their own. docs/checkout.md says what stays open. Nothing ran before it: what it takes here is the browser's
// own, and later it uses only that, never a method or an iterator that another script could have changed.
"use strict";
(() => {
  const { mode, report, to = "" } = document.currentScript.dataset;
  const stops = mode === "enforce";
  const approved = to.split(" ");
  const { apply, defineProperty, getOwnPropertyDescriptor: describe } = Reflect;
  const { fetch: send, URL: Address, document: page } = window;
  const { stringify } = JSON;
  const { indexOf, lastIndexOf, slice, toLowerCase, endsWith } = String.prototype;
  const { Promise: Later, DOMException: Refused, TrustedHTML: Trusted, PointerEvent: Press } = window;
  const { then } = Later.prototype;
  const { reject } = Later;
  const { WeakSet: Marks, WeakMap: Notes } = window;
  const { has, add, delete: unmark } = Marks.prototype;
  const { get: noteOf, set: note } = Notes.prototype;
  const { addEventListener: listen, dispatchEvent: dispatch } = EventTarget.prototype;
  const { preventDefault, composedPath, initEvent } = Event.prototype;
  const { getAttribute, getAttributeNS, setAttribute, hasAttribute, remove, querySelectorAll: within, matches } = Element.prototype;
  const { createComment, createElementNS, querySelector: findIn, getElementById: byId, write } = Document.prototype;
  const { querySelectorAll: inFragment, querySelector: findInFragment, getElementById: byIdInFragment } = DocumentFragment.prototype;
  const { replaceChild, getRootNode } = Node.prototype;
  const { intersectsNode } = Range.prototype;
  const { click } = HTMLElement.prototype;
  const { exec } = RegExp.prototype;
  const trusted = Trusted?.prototype.toString;
  const { observe } = MutationObserver.prototype;
  const reads = (owner, names) => names.split(" ").map((name) => {
    const { get } = describe(owner, name);
    return (of) => apply(get, of, []);
  });
  const [originOf, hostOf, schemeOf] = reads(Address.prototype, "origin hostname protocol");
  const [typeOf, stageOf, isPrevented, canStop, climbs] = reads(Event.prototype, "type eventPhase defaultPrevented cancelable bubbles");
  const [kindOf, parentOf, isPlaced, baseOf, pageOf] = reads(Node.prototype, "nodeType parentNode isConnected baseURI ownerDocument");
  const [addedOf, targetOf, attributeOf, formerOf] = reads(MutationRecord.prototype, "addedNodes target attributeName oldValue");
  const [slotOf, namespaceOf] = reads(Element.prototype, "assignedSlot namespaceURI");
  const [slotOfText] = reads(Text.prototype, "assignedSlot");
  const [countOf] = reads(NodeList.prototype, "length");
  const [ownerOf] = reads(ShadowRoot.prototype, "host");
  const [viewOf] = reads(Document.prototype, "defaultView");
  const [commonOf] = reads(Range.prototype, "commonAncestorContainer");
  const [framesOf, elementOf] = reads(window, "length frameElement");
  const goalOf = window.navigation && reads(NavigateEvent.prototype, "destination")[0];
  const isSaved = window.navigation && "downloadRequest" in NavigateEvent.prototype && reads(NavigateEvent.prototype, "downloadRequest")[0];
  const urlOf = window.navigation && reads(NavigationDestination.prototype, "url")[0];
  const { origin, hostname } = location;
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

  /**
   * The host that an address leads to, if that is neither the page's own nor approved. A mail or a call is the person's to send. A page made of
   * a `blob:` is the shop's by its origin, and has no guard.
   */
  const foreign = (url, base) => {
    let address;
    try { address = new Address(url, base); } catch { return ""; }
    if (schemeOf(address) === "blob:") return "blob:";
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
  const placed = (most, placeOf = (self) => self, also = nothing) => (native, self, args) => {
    const held = [];
    try {
      if (stops && isPlaced(placeOf(self))) {
        also(self, held);
        hold(args, most, held);
      }
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
  const ranged = placed(Infinity, commonOf);
  // What stands in the range is taken out and put in again.
  const surrounded = placed(Infinity, commonOf, (range, held) => {
    const common = commonOf(range);
    if (kindOf(common) !== 1) return;
    const inside = apply(within, common, [FRAMES]);
    for (let at = 0; at < inside.length; at += 1) if (apply(intersectsNode, range, [inside[at]])) swap(inside[at], held);
  });

  // A link is read by the browser once all listeners ran, and each of them may put another address in: it is looked at before and behind them.
  // Lists are without a prototype, as another script could put setters in that of lists.
  const none = () => ({ __proto__: null, length: 0 });
  const [XLINK, XHTML, MATHS] = ["http://www.w3.org/1999/xlink", "http://www.w3.org/1999/xhtml", "http://www.w3.org/1998/Math/MathML"];
  const isLink = (node) => apply(matches, node, ["a,area"]) || (namespaceOf(node) === MATHS && apply(matches, node, ["[*|href]"]));
  // What a drawing uses stands elsewhere, and its copy is in no path.
  const addUsed = (links, use, most) => {
    const name = apply(getAttribute, use, ["href"]) ?? apply(getAttributeNS, use, [XLINK, "href"]) ?? "";
    const root = apply(getRootNode, use, []);
    const id = apply(slice, name, [apply(indexOf, name, ["#"]) + 1]);
    const used = kindOf(root) === 9 ? apply(byId, root, [id]) : kindOf(root) === 11 && apply(byIdInFragment, root, [id]);
    const inside = used && most && apply(within, used, ["a,use"]);
    for (let at = -1; inside && at < inside.length; at += 1) {
      const one = at < 0 ? used : inside[at];
      if (apply(matches, one, ["a"])) links[links.length++] = one;
      if (apply(matches, one, ["use"])) addUsed(links, one, most - 1);
    }
  };
  const linksOf = (path) => {
    const links = none();
    for (let at = 0; at < path.length; at += 1) {
      try {
        if (kindOf(path[at]) !== 1) continue;
        if (isLink(path[at])) links[links.length++] = path[at];
        if (apply(matches, path[at], ["use"])) addUsed(links, path[at], 5);
      } catch { /* a window */ }
    }
    return links;
  };
  /** What an event goes through that is sent to a node, from the inside out. */
  const pathFrom = (node) => {
    const path = none();
    while (node) {
      path[path.length++] = node;
      let next = null;
      try { next = kindOf(node) === 3 ? slotOfText(node) : slotOf(node); } catch { /* no child of anything */ }
      try { next ??= parentOf(node) ?? (kindOf(node) === 11 ? ownerOf(node) : null); } catch { /* a fragment */ }
      node = next;
    }
    return path;
  };
  /** The foreign host that a link leads to; "" where it leads to none. One that a drawing sets in motion leads anywhere. */
  const leads = (link) => {
    const base = baseOf(link);
    const [plain, drawn] = [apply(getAttribute, link, ["href"]), apply(getAttributeNS, link, [XLINK, "href"])];
    const host = (plain !== null && foreign(plain, base)) || (drawn !== null && foreign(drawn, base)) || "";
    // What is only saved opens no page.
    if (host === "blob:" && drawn === null && apply(hasAttribute, link, ["download"])) return "";
    if (host || namespaceOf(link) === XHTML) return host;
    const root = apply(getRootNode, link, []);
    return apply(kindOf(root) === 11 ? findInFragment : findIn, kindOf(root) === 1 ? page : root, ['[attributeName*="href" i]']) ? "animate:" : "";
  };
  const isStopped = (links) => {
    let host = "";
    for (let at = 0; !host && at < links.length; at += 1) try { host = leads(links[at]); } catch { /* in no page */ }
    return host !== "" && stop("popup", host);
  };
  // What a person clicks: between two listeners the observer is asked, and so again behind the last.
  let last = null;
  const look = () => {
    if (last && !stageOf(last.event)) last = null;
    if (last && isStopped(last.links)) apply(preventDefault, last.event, []);
  };
  const follows = new MutationObserver(look);
  const onClick = (event) => {
    if (apply(noteOf, silent, [event])) return;
    const links = linksOf(apply(composedPath, event, []));
    if (!links.length) return;
    if (isStopped(links)) apply(preventDefault, event, []);
    else if (depth && stops) {
      hush(event);
      waiting[waiting.length++] = { __proto__: null, event, links };
    } else {
      last = { __proto__: null, event, links };
      for (let at = 0; at < links.length; at += 1) apply(observe, follows, [links[at], { __proto__: null, attributes: true }]);
    }
  };
  // Chromium connects to the host of a link that is pressed, before it is clicked: a hint like any other.
  const onPress = (event) => {
    const links = linksOf(apply(composedPath, event, []));
    for (let at = 0; at < links.length; at += 1) {
      const host = leads(links[at]);
      if (host && host !== "animate:") tell("seen", "preconnect", host);
    }
  };
  // What a script clicks: nothing runs between the last listener and the browser. So the event goes through the page without doing anything,
  // which nobody sees, and what it would have done is done after it.
  const silent = new Notes();
  const busy = new Marks();
  let [depth, waiting] = [0, none()];
  const hush = (event) => {
    const state = { __proto__: null, isFree: canStop(event), isPrevented: false };
    if (!state.isFree) apply(initEvent, event, [typeOf(event), climbs(event), true]);
    apply(preventDefault, event, []);
    apply(note, silent, [event, state]);
    return state;
  };
  const ATTRIBUTES = ["href", "target", "rel", "download", "referrerpolicy", "ping"];
  const follow = (links) => {
    if (isStopped(links)) return;
    for (let at = 0; at < links.length; at += 1) {
      const made = apply(createElementNS, pageOf(links[at]), [XHTML, "a"]);
      for (let next = 0; next < ATTRIBUTES.length; next += 1) {
        const name = ATTRIBUTES[next];
        const value = apply(getAttribute, links[at], [name]) ?? (next ? null : apply(getAttributeNS, links[at], [XLINK, name]));
        if (value !== null) apply(setAttribute, made, [name, value]);
      }
      if (apply(hasAttribute, made, ["href"])) return apply(click, made, []);
    }
  };
  // A handler says no by what it returns, and not by a word of the event's.
  const HANDLERS = [HTMLElement.prototype, SVGElement.prototype, Document.prototype, window].map((owner) => describe(owner, "onclick"));
  const heedHandlers = (path, event, state) => {
    const put = none();
    const heed = (node, { get, set }) => {
      let old = null;
      try { old = apply(get, node, []); } catch { /* of another kind */ }
      if (typeof old !== "function") return;
      const ours = function (given) {
        const said = apply(old, this, [given]);
        if (said === false && given === event) state.isPrevented = state.isFree;
        return said;
      };
      apply(set, node, [ours]);
      put[put.length++] = () => apply(get, node, []) === ours && apply(set, node, [old]);
    };
    for (let at = 0; at <= path.length; at += 1) {
      for (let next = 0; next < HANDLERS.length; next += 1) heed(path[at] ?? window, HANDLERS[next]);
    }
    return put;
  };
  const quietly = (self, path, links, event) => {
    let state = apply(noteOf, silent, [event]);
    if (!state || !isPrevented(event)) state = hush(event);
    if (!isPrevented(event)) return false;
    const put = heedHandlers(path, event, state);
    try { nested(dispatch, self, [event]); } finally { for (let at = 0; at < put.length; at += 1) put[at](); }
    if (!state.isPrevented && (climbs(event) || links[0] === self)) follow(links);
    return !state.isPrevented;
  };
  // A label clicks what it labels by itself.
  const nested = (native, self, args) => {
    depth += 1;
    try { return apply(native, self, args); } finally {
      depth -= 1;
      const done = waiting;
      if (!depth) waiting = none();
      for (let at = 0; !depth && at < done.length; at += 1) if (!apply(noteOf, silent, [done[at].event]).isPrevented) follow(done[at].links);
    }
  };
  // One that stands in no page would click where we do not hear of it.
  const isLost = (path) => {
    try {
      if (isPlaced(path[path.length - 1])) return false;
      for (let at = 0; at < path.length; at += 1) if (kindOf(path[at]) === 1 && apply(matches, path[at], ["label"])) return stop("popup");
    } catch { /* no node */ }
    return false;
  };
  const seen = (links, native, self, args) => {
    isStopped(links);
    try { return apply(native, self, args); } finally { isStopped(links); }
  };
  const sent = (native, self, args) => {
    const event = args[0];
    let type = "";
    try { type = typeOf(event); } catch { /* the native says so */ }
    if (type !== "click" && type !== "auxclick") return apply(native, self, args);
    const path = pathFrom(self);
    const links = linksOf(path);
    if (isLost(path)) return false;
    if (!links.length) return nested(native, self, args);
    if (!stops) return seen(links, native, self, args);
    if (isStopped(links)) return false;
    const isDead = stageOf(event) !== 0 || (isPrevented(event) && !apply(noteOf, silent, [event]));
    return type === "auxclick" || isDead ? nested(native, self, args) : quietly(self, path, links, event);
  };
  const pressed = (native, self) => {
    const path = pathFrom(self);
    const links = linksOf(path);
    if (isLost(path)) return;
    if (!links.length) return nested(native, self, []);
    if (!stops) return seen(links, native, self, []);
    if (isStopped(links) || apply(matches, self, [":is(button,input,select,textarea):disabled"]) || apply(has, busy, [self])) return;
    const how = { __proto__: null, bubbles: true, cancelable: true, composed: true, view: viewOf(pageOf(self)), pointerId: -1 };
    const event = new Press("click", how);
    apply(add, busy, [self]);
    try { quietly(self, path, links, event); } finally { apply(unmark, busy, [self]); }
  };
  const prevented = (native, self, args) => {
    const state = apply(noteOf, silent, [self]);
    if (!state) return apply(native, self, args);
    state.isPrevented ||= state.isFree;
  };
  /** What an event says of itself that we hold: as the page knows it. */
  const tells = (owner, name, isNo) => {
    const found = describe(owner, name);
    const get = function () {
      const state = apply(noteOf, silent, [this]);
      return state ? state.isPrevented === isNo : apply(found.get, this, []);
    };
    const set = found.set && function (value) {
      const state = apply(noteOf, silent, [this]);
      if (!state) apply(found.set, this, [value]);
      else if (!value) state.isPrevented = state.isFree;
    };
    defineProperty(owner, name, { __proto__: null, enumerable: true, configurable: false, get, set });
  };
  const onNavigate = (event) => {
    const host = canStop(event) && foreign(urlOf(goalOf(event)));
    if (host === "blob:" && isSaved && isSaved(event) !== null) return;
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
  const CLOSED = /shadowrootmode(?!\s*=\s*(?:open[\s>/]|"open"|'open'))/i;
  // Frames and scripts that are written in one go would meet before we meet the frame.
  let tail = "";
  const written = (native, self, args) => {
    let text = tail;
    for (let at = 0; at < args.length; at += 1) text += args[at] = `${args[at]}`;
    const low = apply(toLowerCase, text, []);
    tail = apply(slice, low, [apply(lastIndexOf, low, ["<"])]);
    if (apply(exec, CLOSED, [low]) && stop("other")) return;
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
    if (native_) {
      const value = function () { visit(window); return apply(native_, this, []); };
      defineProperty(found, "connectedCallback", { __proto__: null, value, writable: true, configurable: true });
    }
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
    look();
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
  // Closed trees are open ones that nobody is shown: of a click in one that is closed no listener outside learns what was clicked.
  const shut = new Marks();
  const attached = (native, self, args) => {
    if (!stops || !args.length) return rooted(native, self, args);
    const mode = `${args[0]?.mode}`;
    const root = rooted(native, self, [{ __proto__: args[0], mode: mode === "closed" ? "open" : mode }]);
    if (mode === "closed") apply(add, shut, [self]);
    return root;
  };
  const shown = (native, self, args) => {
    const root = rooted(native, self, args);
    return root && apply(has, shut, [self]) ? null : root;
  };
  /** A text is put in as it was read here, but with no closed tree of its own. */
  const unshut = (next) => (native, self, args) => {
    let text = "";
    try { text = apply(trusted, args[0], []); } catch { text = args[0] = `${args[0]}`; }
    return apply(exec, CLOSED, [text]) && stop("other") ? undefined : next(native, self, args);
  };

  // Whether a host of another name lets this page use its passkeys, browsers ask that host (WebAuthn 3, 5.11): past the policy.
  const isForeignName = (name) => {
    if (name === undefined) return false;
    let host = "";
    try { host = hostOf(new Address(`https://${name}/`)); } catch { /* of no form */ }
    if (host && (host === hostname || apply(endsWith, hostname, [`.${host}`]))) return false;
    return (!host || foreign(`https://${host}/`) !== "") && stop("credentials", host);
  };
  const named = (name) => (name === undefined ? name : `${name}`);
  const refuse = () => apply(reject, Later, [new Refused("Not the name of this page.", "SecurityError")]);
  // Each is read once, and the browser gets what was read.
  const keyed = (isNew) => (native, self, args) => {
    const options = args[0];
    let publicKey = options?.publicKey;
    if (publicKey) {
      const rp = isNew ? publicKey.rp : undefined;
      const id = named(isNew ? rp?.id : publicKey.rpId);
      if (isForeignName(id)) return refuse();
      publicKey = { __proto__: publicKey, ...(isNew ? { rp: rp && { __proto__: rp, id } } : { rpId: id }) };
    }
    if (options) args[0] = { __proto__: options, publicKey };
    return apply(native, self, args);
  };
  const signalled = (native, self, args) => {
    const rpId = named(args[0]?.rpId);
    if (isForeignName(rpId)) return refuse();
    if (args[0]) args[0] = { __proto__: args[0], rpId };
    return apply(native, self, args);
  };
  // Who reads the page's nonce may load what they like.
  const hidden = [["HTMLElement", "nonce"], ["SVGElement", "nonce"], ["MathMLElement", "nonce"], ["SecurityPolicyViolationEvent", "originalPolicy"],
    ["CSPViolationReportBody", "originalPolicy"], ["CSPViolationReportBody", "toJSON"]];
  const hide = (owner, name) => {
    const found = owner && describe(owner, name);
    if (found?.configurable) defineProperty(owner, name, { __proto__: null, get: () => "", set: found.set, configurable: false });
  };
  const CLICKS = [["click", onClick, true], ["auxclick", onClick, true], ["pointerdown", onPress, true]];
  const heedClicks = (w) => {
    for (let at = 0; at < CLICKS.length; at += 1) apply(listen, w, CLICKS[at]);
  };
  /** Again after whatever writes the page anew, which takes listeners off. */
  const attend = (written) => {
    heedClicks(window);
    if (written !== page && viewOf(written)) heedClicks(viewOf(written));
    apply(listen, page, ["load", sweep, true]);
    if (written !== page) apply(listen, written, ["load", sweep, true]);
  };

  const PLACES = [
    [one, "Node", "appendChild insertBefore replaceChild"],
    [many, "Element", "append prepend replaceChildren before after replaceWith insertAdjacentElement"],
    [many, "Document", "append prepend replaceChildren"],
    [many, "DocumentFragment", "append prepend replaceChildren"],
    [many, "CharacterData", "before after replaceWith"],
    [ranged, "Range", "insertNode"],
    [surrounded, "Range", "surroundContents"],
    [swept, "Element", "innerHTML outerHTML insertAdjacentHTML setHTML moveBefore"],
    [swept, "ShadowRoot", "innerHTML setHTML"],
    [unshut(swept), "Element", "setHTMLUnsafe"],
    [unshut(swept), "ShadowRoot", "setHTMLUnsafe"],
    [swept, "Document", "body execCommand"],
    [swept, "HTMLTableElement", "caption tHead tFoot"],
    [swept, "HTMLSelectElement", "add"],
    [swept, "HTMLIFrameElement", "contentWindow contentDocument"],
    [swept, "HTMLFrameElement", "contentWindow contentDocument"],
    [swept, "HTMLObjectElement", "contentWindow contentDocument"],
    [attached, "Element", "attachShadow"],
    [shown, "Element", "shadowRoot"],
    [pressed, "HTMLElement", "click"],
    [sent, "EventTarget", "dispatchEvent"],
    [prevented, "Event", "preventDefault"],
    [keyed(false), "CredentialsContainer", "get"],
    [keyed(true), "CredentialsContainer", "create"],
    [reopened, "Document", "open"],
    [written, "Document", "write writeln"],
    [defined, "CustomElementRegistry", "define"],
  ];
  const SIGNALS = ["signalUnknownCredential", "signalAllAcceptedCredentials", "signalCurrentUserDetails"];
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
    if (w.PublicKeyCredential) for (let at = 0; at < SIGNALS.length; at += 1) wrap(w.PublicKeyCredential, SIGNALS[at], signalled);
    wrap(w.Document, "parseHTMLUnsafe", unshut(apply));
    tells(w.Event.prototype, "defaultPrevented", true);
    tells(w.Event.prototype, "returnValue", false);
    if (w !== window) heedClicks(w);
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
