// What pages do better with a script. Each of them works without: plain links, plain forms, plain times.
'use strict';
(() => {
  const root = document.documentElement;
  root.classList.add('script');

  // The one place where text becomes elements. It comes from our own pages only, where templates escape every value;
  // a parsed document runs nothing, and the policy of the page allows no inline script.
  const policy = window.trustedTypes
    ? window.trustedTypes.createPolicy('storeward', { createHTML: (html) => html })
    : { createHTML: (html) => html };
  const parse = (html) => new DOMParser().parseFromString(policy.createHTML(html), 'text/html');

  const said = document.getElementById('said');
  const say = (words) => { if (said) said.textContent = words; };

  // Times: "3 min ago", with the full moment, local and UTC, on hover.
  const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'narrow' });
  const ago = (moment) => {
    const seconds = Math.round((moment - Date.now()) / 1000);
    const size = Math.abs(seconds);
    if (size < 5) return 'now';
    if (size < 60) return relative.format(seconds, 'second');
    if (size < 3600) return relative.format(Math.round(seconds / 60), 'minute');
    if (size < 86400) return relative.format(Math.round(seconds / 3600), 'hour');
    return relative.format(Math.round(seconds / 86400), 'day');
  };
  const tellTimes = (within) => {
    for (const time of within.querySelectorAll('time[data-ago]')) {
      const moment = new Date(time.dateTime);
      if (Number.isNaN(moment.getTime())) continue;
      const text = ago(moment);
      if (time.textContent !== text) time.textContent = text;
      time.title = `${moment.toLocaleString()} (${time.dateTime})`;
    }
  };

  // Copy buttons.
  document.addEventListener('click', async (event) => {
    const button = event.target.closest('[data-copy]');
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      say('Copied');
      const label = button.querySelector('[data-copy-label]');
      if (label) { label.textContent = 'Copied'; setTimeout(() => { label.textContent = 'Copy'; }, 1500); }
    } catch { say('The browser did not allow copying'); }
  });

  // Lists: j and k move between rows while the focus is inside the list (WCAG 2.2, 2.1.4).
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || (event.key !== 'j' && event.key !== 'k')) return;
    const list = event.target.closest('[data-keys]');
    if (!list || event.target.closest('input, select, textarea')) return;
    const rows = [...list.querySelectorAll('[data-row]')];
    const at = rows.indexOf(event.target.closest('[data-row]'));
    const row = rows[event.key === 'j' ? at + 1 : Math.max(at - 1, 0)];
    const link = row && row.querySelector('a');
    if (link) { link.focus(); event.preventDefault(); }
  });

  // Rows that are decided about: a key goes to the row's own button, and the same key again presses it, so that no single
  // slip of a finger, nor a key that is held down, decides. Escape leaves the button; ? shows which keys there are.
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const list = event.target.closest('[data-keys]');
    if (!list || event.target.closest('input, select, textarea')) return;
    const help = document.querySelector('[data-keys-help]');
    if (event.key === '?' && help) { help.open = !help.open; event.preventDefault(); return; }
    const row = event.target.closest('[data-row]');
    if (row && event.key === 'Escape' && event.target.closest('[data-key]')) { row.querySelector('a')?.focus(); return; }
    const button = row && event.key.length === 1 && row.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
    if (!button) return;
    event.preventDefault();
    if (document.activeElement === button) { button.click(); return; }
    button.focus();
    say('The same key again, or Enter, decides. Escape leaves it.');
  });

  // Rows of a region that somebody is in: new ones come in where they belong and others go; the one under the focus stays as it is.
  const merge = (region, fresh) => {
    const old = [...region.querySelectorAll('[data-row][id]')];
    const rows = [...fresh.querySelectorAll('[data-row][id]')];
    const within = old[0]?.parentElement;
    if (!within) return;
    for (const row of old) {
      const went = !rows.some((one) => one.id === row.id);
      if (went && !row.contains(document.activeElement)) row.remove();
    }
    let next = null;
    for (const row of rows.reverse()) {
      const there = old.find((one) => one.id === row.id);
      if (!there) { within.insertBefore(document.adoptNode(row), next); say('One more came'); }
      next = there ?? row;
    }
  };

  // Regions that renew themselves. Not while hidden, and not under somebody's focus.
  for (const region of document.querySelectorAll('[data-refresh]')) {
    const every = Math.max(Number(region.dataset.every) || 15, 5) * 1000;
    const isIn = () => region.contains(document.activeElement) || region.querySelector('details[open]');
    const renew = async () => {
      if (document.hidden || (isIn() && !region.querySelector('[data-row][id]'))) return;
      try {
        const answer = await fetch(region.dataset.refresh, { headers: { accept: 'text/html' }, redirect: 'error' });
        if (answer.status === 401) { location.reload(); return; }
        if (!answer.ok) return;
        const fresh = parse(await answer.text());
        tellTimes(fresh);
        if (isIn()) merge(region, fresh); else region.replaceChildren(...fresh.body.childNodes);
      } catch { /* the next round tries again */ }
    };
    setInterval(renew, every);
  }

  // Live lists.
  const live = document.querySelector('[data-live]');
  if (live && window.EventSource) {
    const state = live.querySelector('[data-live-state]');
    const pause = live.querySelector('[data-live-pause]');
    const show = (name, words) => { if (state) { state.dataset.state = name; state.textContent = words; } };
    let source;
    let newest = live.dataset.after || '';
    const prepend = (event) => {
      const body = live.querySelector(`[data-list="${event.type}"]`);
      if (!body) return;
      if (event.lastEventId) newest = event.lastEventId;
      const rows = [...parse(`<table><tbody>${event.data}</tbody></table>`).querySelectorAll('tbody > tr')];
      const fresh = rows.filter((row) => !body.querySelector(`[id="${CSS.escape(row.id)}"]`));
      for (const row of fresh) { row.classList.add('new'); body.prepend(document.adoptNode(row)); }
      const most = Number(body.dataset.most) || 25;
      while (body.children.length > most) body.lastElementChild.remove();
      const empty = live.querySelector(`[data-empty="${event.type}"]`);
      if (empty && fresh.length) empty.hidden = true;
      tellTimes(body);
    };
    const open = () => {
      show('waiting', 'Connecting');
      source = new EventSource(newest ? `${live.dataset.live}?after=${encodeURIComponent(newest)}` : live.dataset.live);
      source.onopen = () => show('live', 'Live');
      source.onerror = () => show('waiting', source.readyState === 2 ? 'Not connected: reload the page' : 'Reconnecting');
      for (const list of live.querySelectorAll('[data-list]')) source.addEventListener(list.dataset.list, prepend);
      source.addEventListener('missed', (event) => {
        for (const note of live.querySelectorAll('[data-missed]')) {
          note.hidden = false;
          note.textContent = `${event.data} came too fast to show here; Explore has them all.`;
        }
      });
    };
    if (pause) {
      pause.addEventListener('click', () => {
        const paused = pause.getAttribute('aria-pressed') !== 'true';
        pause.setAttribute('aria-pressed', String(paused));
        if (paused) { source.close(); show('paused', 'Paused'); } else { open(); }
      });
    }
    window.addEventListener('pagehide', () => source && source.close());
    window.addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });
    open();
  }

  tellTimes(document);
  setInterval(() => tellTimes(document), 10000);
})();
