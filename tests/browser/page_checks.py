"""What is asked of a page that is open in a browser: expressions in JavaScript, for ``page.evaluate``."""

MARGIN_PX = 14  # around a drawing, that a label may reach into: less than a phone's margin of the page

WIDE = """limit => [
  ...document.scrollingElement.scrollWidth > limit ? [`the page is ${document.scrollingElement.scrollWidth} wide`] : [],
  ...[...document.querySelectorAll('body *')].filter(e => {
    const style = getComputedStyle(e);
    return style.display !== 'inline' && !e.closest('svg') && style.position !== 'absolute'
      && (e.getBoundingClientRect().right > limit + 1
          || style.overflowX !== 'visible' && e.scrollWidth > e.clientWidth + 1);
  }).map(e => `${e.tagName} ${e.className}: ${e.textContent.trim().slice(0, 60)}`)]"""
"""Where the page is wider than the window, and each element that leaves it or holds more than it shows."""

LABELS = """margin => [...document.querySelectorAll('figure > svg')].flatMap(svg => {
  const name = svg.querySelector('title').textContent, box = svg.getBoundingClientRect(), found = [];
  const texts = [...svg.querySelectorAll('text')].filter(t => t.textContent.trim());
  const places = texts.map(t => t.getBoundingClientRect());
  places.forEach((a, i) => {
    if (a.left < box.left - margin || a.right > box.right + margin || a.left < 0 || a.right > innerWidth)
      found.push(`${name}: ${texts[i].textContent} is cut`);
    places.slice(i + 1).forEach((b, j) => {
      if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
          && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4)
        found.push(`${name}: ${texts[i].textContent} lies on ${texts[i + 1 + j].textContent}`);
    });
  });
  return found;
})"""
"""Labels of drawings that are cut, or on top of each other."""

BROKEN_WORDS = """() => {
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), range = new Range();
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const hidden = getComputedStyle(node.parentElement).clipPath !== 'none';
    if (hidden || node.parentElement.closest('svg, style, pre, code')) continue;
    for (const word of node.data.matchAll(/[가-힣A-Za-z0-9]+/g)) {
      if (!/[가-힣]/.test(word[0])) continue;
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const lines = new Set([...range.getClientRects()].map(box => Math.round(box.top)));
      if (lines.size > 1) found.push(word[0]);
    }
  }
  return found;
}"""
"""Words with Hangul that stand on two lines; a sign within a word, as a parenthesis, may end one."""

LINKS = """() => [...document.querySelectorAll('[href], [src], [action], [data], [srcset]')].map(e => {
  const at = ['href', 'src', 'action', 'data', 'srcset'].map(a => e.getAttribute(a)).find(v => v !== null);
  return [at, at.startsWith('#') && document.getElementById(decodeURIComponent(at.slice(1))) !== null];
})"""
"""Every address on the page, and whether it is a place on it that exists."""

AXE = "() => axe.run({resultTypes: ['violations']})"

TEXTS = """() => {
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    const hidden = getComputedStyle(e).clipPath !== 'none';  // for screen readers alone
    if (e.checkVisibility() && !hidden && !e.closest('title, desc, style')) found.push(walker.currentNode.data);
  }
  return found;
}"""
"""The text of every node that is drawn."""
