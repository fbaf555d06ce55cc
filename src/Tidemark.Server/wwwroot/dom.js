// Elements in one expression: h('button', { type: 'button', onclick: f }, 'Text'). Text is never read as HTML.

/** Makes an HTML element; null children are left out. */
export const h = (name, props = {}, ...children) => fill(document.createElement(name), props, children);

/** Makes an SVG element. */
export const svg = (name, props = {}, ...children) =>
  fill(document.createElementNS('http://www.w3.org/2000/svg', name), props, children);

function fill(element, props, children) {
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) {
      continue;
    }
    if (key.startsWith('on')) {
      element.addEventListener(key.slice(2), value);
    } else if (key === 'class') {
      element.setAttribute('class', value);
    } else {
      element.setAttribute(key, value === true ? '' : value);
    }
  }
  element.append(...children.flat().filter(child => child !== null && child !== undefined && child !== false));
  return element;
}

/** A table that scrolls by itself where it is too wide. Columns are names and classes; a row is a list of texts or elements. */
export function table(label, columns, rows) {
  return h('div', { class: 'wide', role: 'region', 'aria-label': label, tabindex: 0 }, h('table', {},
    h('thead', {}, h('tr', {}, columns.map(([name, className]) => h('th', { scope: 'col', class: className }, name)))),
    h('tbody', {}, rows.map(cells => h('tr', {}, cells.map((cell, place) =>
      h(place === 0 ? 'th' : 'td', { scope: place === 0 ? 'row' : null, class: columns[place][1] }, cell)))))));
}

/** The colour that a CSS variable has now, as a text that canvases understand. */
export function color(variable) {
  const probe = document.body.appendChild(h('i', { class: 'probe' }));
  probe.style.color = `var(${variable})`;
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}
