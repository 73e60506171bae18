"use strict";
// Everything works without this: it only saves the way through a whole new page, and follows
// what is still running.
(() => {
  const main = () => document.querySelector("main");
  const parse = (text) => new DOMParser().parseFromString(text, "text/html");
  let latest = 0;

  // What a person has done on the page and would miss on a new one.
  const kept = (node) => ({
    open: new Map([...node.querySelectorAll("details[id]")].map((d) => [d.id, d.open])),
    scroll: new Map([...node.querySelectorAll("#graph, .scroll")].map((s, i) => [i, [s.scrollLeft, s.scrollTop]])),
    focus: node.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null,
  });

  const restore = (node, state) => {
    for (const d of node.querySelectorAll("details[id]")) {
      if (state.open.has(d.id)) d.open = state.open.get(d.id);
    }
    node.querySelectorAll("#graph, .scroll").forEach((s, i) => {
      if (state.scroll.has(i)) [s.scrollLeft, s.scrollTop] = state.scroll.get(i);
    });
    if (state.focus) {
      const same = [...node.querySelectorAll("a")].find((a) => a.getAttribute("href") === state.focus);
      if (same) same.focus({ preventScroll: true });
    }
  };

  const load = async (url) => {
    const turn = ++latest;
    const answer = await fetch(url, { headers: { accept: "text/html" } });
    const page = parse(await answer.text());
    const next = page.querySelector("main");
    if (turn !== latest || !next) return false;
    document.title = page.title;
    if (next.outerHTML === main().dataset.shown) return true;
    const state = kept(main());
    const shown = next.outerHTML;
    main().replaceWith(document.adoptNode(next));
    main().dataset.shown = shown;
    restore(main(), state);
    return true;
  };

  const reveal = (hash) => {
    const target = hash && document.getElementById(decodeURIComponent(hash.slice(1)));
    if (!target) return;
    const box = target.getBoundingClientRect();
    if (box.top < 0 || box.top > innerHeight - 80) target.scrollIntoView({ block: "nearest" });
  };

  document.addEventListener("click", (click) => {
    const link = click.target.closest("a[data-swap]");
    if (!link || click.button || click.ctrlKey || click.metaKey || click.shiftKey || click.altKey) return;
    click.preventDefault();
    const url = new URL(link.getAttribute("href"), location.href);
    load(url).then((done) => {
      if (!done) return;
      history.pushState(null, "", url);
      reveal(url.hash);
    }).catch(() => location.assign(url));
  });
  addEventListener("popstate", () => load(location.href).catch(() => location.reload()));

  // Not while somebody reads with a selection, or looks elsewhere.
  const follow = () => {
    const idle = document.hidden || !getSelection().isCollapsed || !main().hasAttribute("data-live");
    const done = idle ? Promise.resolve() : load(location.href).catch(() => {});
    done.then(() => setTimeout(follow, 1000));
  };
  setTimeout(follow, 1000);
})();
