// The buttons over charts: periods, ways through time, downloads.

import { h } from './dom.js';
import { panned, presets, zoomed } from './range.js';

const button = (text, label, act) => h('button', { type: 'button', 'aria-label': label, title: label, onclick: act }, text);

const group = (label, ...buttons) => h('div', { role: 'group', class: 'joined', 'aria-label': label }, buttons);

/** @param explorer whose charts they move. */
export function toolbar(explorer, keepPicture) {
  const periods = presets.map(({ period, text }) => h('button', {
    type: 'button', 'data-period': period, title: `The last ${text.toLowerCase()}`, onclick: () => explorer.showLast(period),
  }, text));
  const csv = h('a', { class: 'button', title: 'What is shown as a file' }, 'CSV');
  return {
    csv,
    element: h('div', { class: 'bar' },
      group('Period', ...periods),
      group('Move',
        button('←', 'Earlier', () => explorer.show(panned(explorer.ends(), -0.5))),
        button('→', 'Later', () => explorer.show(panned(explorer.ends(), 0.5))),
        button('+', 'Zoom in', () => explorer.show(zoomed(explorer.ends(), 0.5))),
        button('−', 'Zoom out', () => explorer.show(zoomed(explorer.ends(), 2))),
        button('Now', 'Up to now', () => explorer.showNow())),
      group('Download', csv, h('button', { type: 'button', title: 'The charts as a picture', onclick: keepPicture }, 'PNG'))),
    mark: period => periods.forEach(one => one.setAttribute('aria-pressed', one.dataset.period === period)),
  };
}
