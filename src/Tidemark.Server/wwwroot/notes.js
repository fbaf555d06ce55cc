// What stands under charts: what their points are, what is missing in them, and what may change.

import { h } from './dom.js';
import { counted, time } from './format.js';

export class Notes {
  #last = '';

  constructor() {
    this.what = h('span', { role: 'status' });
    this.late = h('span', {});
    this.element = h('p', { class: 'notes quiet' }, this.what, this.late);
  }

  show(answer) {
    // A screen reader says a text again only when it is another.
    const text = describe(answer);
    if (text !== this.what.textContent) {
      this.what.textContent = text;
    }
    const states = answer.series.map(one => [one.sensor_id, one.watermark, one.pending, one.complete]);
    const key = JSON.stringify([answer.source, states]);
    if (key !== this.#last) {
      this.#last = key;
      this.late.replaceChildren(...describeLate(answer));
    }
  }
}

function describe({ source, bucket, series }) {
  if (series.length === 0) {
    return '';
  }
  return bucket === 'raw' ? 'Readings as they came.'
    : `Averages of ${bucket.replace(/^1 /, 'one ')} with the least and the greatest value, from ${source === 'raw' ? 'readings' : source}.`;
}

/** What late readings and retention did to it. */
function describeLate({ series, source }) {
  const pending = new Set(series.filter(one => one.pending).map(one => one.sensor_id)).size;
  const watermarks = series.map(one => Date.parse(one.watermark)).filter(number => number > 0);
  const from = series.filter(one => !one.complete).map(one => Date.parse(one.data_from)).filter(number => number > 0);
  const who = series.length > 1 ? ` of ${counted(pending, 'sensor')}` : '';
  return [
    watermarks.length > 0 && h('span', {}, ' Materialised until ', time(Math.min(...watermarks)), ', newer ones are made of readings.'),
    pending > 0 && h('strong', { class: 'late' },
      ` Late readings${who} wait for the next refresh of ${source}: what is before may change. `),
    pending > 0 && h('a', { href: '#/store' }, 'See the store'),
    from.length > 0 && h('strong', { class: 'late' }, ' Retention has dropped what was before ', time(Math.max(...from)), '.'),
  ].filter(element => element);
}
