// The values of charts as a table: for screen readers, and for who wants numbers. It exists only while it is open.

import { h } from './dom.js';
import { count, counted, time, value } from './format.js';

const MOST_ROWS = 200;

export class Values {
  #shown = null;

  constructor() {
    this.summary = h('summary', {}, 'Values');
    this.body = h('div', {});
    this.element = h('details', { class: 'values', ontoggle: () => this.#fill() }, this.summary, this.body);
  }

  show(grids, ends, width) {
    const lines = grids.flatMap(grid => grid.lines.map(line => ({ ...line, head: headOf(line, grid) })));
    this.#shown = { lines, ends, hasRange: width !== null };
    this.#fill();
  }

  #fill() {
    if (!this.element.open || this.#shown === null) {
      this.body.replaceChildren();
      return;
    }
    const rows = rowsOf(this.#shown);
    const times = [...rows.keys()].sort((a, b) => b - a);
    const some = `The newest ${MOST_ROWS} of ${count(times.length)} times; all of them are in the CSV.`;
    this.body.replaceChildren(
      h('p', { class: 'quiet' }, times.length > MOST_ROWS ? some : counted(times.length, 'time')),
      h('div', { class: 'wide', role: 'region', 'aria-label': 'Values', tabindex: 0 }, h('table', {},
        this.#head(),
        h('tbody', {}, times.slice(0, MOST_ROWS).map(at => h('tr', {}, h('th', { scope: 'row' }, time(at)), this.#cells(rows.get(at))))))));
  }

  #head() {
    const { lines, hasRange } = this.#shown;
    const heads = lines.flatMap(line => hasRange ? [line.head, 'least … greatest'] : [line.head]);
    return h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, hasRange ? 'From' : 'Time'),
      heads.map(text => h('th', { scope: 'col', class: 'number' }, text))));
  }

  #cells = row => row.flatMap(one => [
    h('td', { class: 'number' }, value(one?.value)), this.#shown.hasRange && h('td', { class: 'number quiet' }, one?.range ?? '–'),
  ]);
}

const headOf = (line, { name, unit }) => `${line.name === name ? name : `${line.name} ${name}`}${unit ? `, ${unit}` : ''}`;

/** A row for each time between the ends, with a value or null for each line. */
function rowsOf({ lines, ends }) {
  const rows = new Map();
  lines.forEach((line, column) => line.times.forEach((at, place) => {
    if (at >= ends.from && at < ends.to) {
      const row = rows.get(at) ?? lines.map(() => null);
      row[column] = { value: line.values[place], range: line.highs && `${value(line.lows[place])} … ${value(line.highs[place])}` };
      rows.set(at, row);
    }
  }));
  return rows;
}
