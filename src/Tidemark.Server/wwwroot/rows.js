// A table of any length of which only the rows in sight exist. The window scrolls; rows all have one height, which the style sheet sets.

import { h } from './dom.js';

const MARGIN = 6;

export class Rows {
  #items = [];
  #shown = new Map();
  #pending = 0;

  /**
   * @param body the element with the role rowgroup that holds the rows.
   * @param make makes a row's element of an item.
   * @param update writes what an item has now into its row.
   * @param onShown called with the items in sight whenever they are others.
   * @param signal ends it.
   */
  constructor(body, { make, update, onShown, signal }) {
    Object.assign(this, { body, make, update, onShown });
    this.wide = matchMedia('(min-width: 720px)');
    const later = () => this.#later();
    addEventListener('scroll', later, { passive: true, signal });
    addEventListener('resize', later, { passive: true, signal });
    this.wide.addEventListener('change', () => this.show(this.#items), { signal });
    body.addEventListener('keydown', event => this.#move(event), { signal });
  }

  get items() {
    return this.#items;
  }

  /** The items whose rows exist now. */
  get shown() {
    return [...this.#shown.keys()];
  }

  /** Shows items in their order. */
  show(items) {
    this.#items = items;
    this.height = parseFloat(getComputedStyle(this.body).getPropertyValue('--row'));
    this.body.style.height = `${items.length * this.height}px`;
    this.#draw(true);
  }

  /** Writes what the items have now into the rows in sight. */
  refresh() {
    for (const [item, row] of this.#shown) {
      this.update(row, item);
    }
  }

  /** Writes what one item has now, if it is in sight. */
  refreshOne(item) {
    const row = this.#shown.get(item);
    if (row !== undefined) {
      this.update(row, item);
    }
  }

  // Arrows go from row to row, to the same kind of element in it.
  #move(event) {
    const step = { ArrowDown: 'nextElementSibling', ArrowUp: 'previousElementSibling' }[event.key];
    const next = step && event.target.closest('[role=row]')?.[step];
    if (next) {
      event.preventDefault();
      next.querySelector(event.target.localName)?.focus();
    }
  }

  #later() {
    this.#pending ||= requestAnimationFrame(() => {
      this.#pending = 0;
      this.#draw(false);
    });
  }

  #draw(isNew) {
    const top = -this.body.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(top / this.height) - MARGIN);
    const last = Math.min(this.#items.length, Math.ceil((top + innerHeight) / this.height) + MARGIN);
    const shown = new Map();
    let changed = isNew;
    for (let place = first; place < last; place++) {
      const item = this.#items[place];
      let row = this.#shown.get(item);
      if (row === undefined) {
        row = this.make(item);
        changed = true;
      }
      this.#shown.delete(item);
      row.style.transform = `translateY(${place * this.height}px)`;
      // The header is the first row.
      row.setAttribute('aria-rowindex', place + 2);
      shown.set(item, row);
    }
    // A row that has the focus stays, so that who reads by keyboard isn't thrown back to the top.
    const focused = document.activeElement?.closest('[role=row]');
    for (const [item, row] of this.#shown) {
      if (row === focused && !isNew) {
        shown.set(item, row);
      } else {
        row.remove();
        changed = true;
      }
    }
    this.#shown = shown;
    if (changed) {
      this.#order([...shown.values()]);
      this.refresh();
      this.onShown?.(this.shown);
    }
  }

  // In the order in which they are read.
  #order(rows) {
    rows.sort((a, b) => a.getAttribute('aria-rowindex') - b.getAttribute('aria-rowindex'));
    rows.forEach((row, place) => {
      if (this.body.children[place] !== row) {
        this.body.insertBefore(row, this.body.children[place] ?? null);
      }
    });
  }
}

/** A header cell that sorts: its button says by what, aria-sort which way. */
export function sortHeader(text, key, sort, onSort, className = '') {
  const direction = sort.key === key ? (sort.down ? 'descending' : 'ascending') : undefined;
  return h('div', { role: 'columnheader', class: className, 'aria-sort': direction },
    h('button', { type: 'button', onclick: () => onSort(key) }, text));
}
