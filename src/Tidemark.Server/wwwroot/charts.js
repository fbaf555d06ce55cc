// Grids of lines under each other over one time axis, drawn by Apache ECharts.

import { heightOf, optionOf, PLOT } from './chartoption.js';
import { color, h } from './dom.js';

const PICTURE_HEAD = 56;

let library;

/** Loads ECharts once; it is a classic script. */
export const loadCharts = () => library ??= new Promise((resolve, reject) => {
  document.head.append(h('script', {
    src: new URL('./echarts.js', import.meta.url).href,
    onload: () => resolve(globalThis.echarts),
    onerror: () => reject(new Error('echarts.js is gone')),
  }));
});

export class Charts {
  #echarts;
  #chart;
  #shown = null;

  constructor(echarts, element, signal) {
    this.#echarts = echarts;
    this.element = element;
    this.#chart = echarts.init(element);
    const watch = new ResizeObserver(() => this.#chart.resize());
    watch.observe(element);
    document.addEventListener('themechange', () => this.#shown && this.draw(this.#shown), { signal });
    signal.addEventListener('abort', () => {
      watch.disconnect();
      this.#chart.dispose();
    });
  }

  /** Where the plots begin and how wide they are, in pixels. */
  plot() {
    return { left: PLOT.left, width: Math.max(1, this.element.clientWidth - PLOT.left - PLOT.right) };
  }

  /**
   * @param shown { grids, ends, width, text }: grids are { name, unit, lines }, lines { name, times, values, lows, highs, color, dashed,
   * faint, hidesRange }; width is what a point spans, text what the charts say to who doesn't see them.
   */
  draw(shown) {
    this.#shown = shown;
    const height = heightOf(shown.grids.length) * shown.grids.length;
    if (this.element.clientHeight !== height) {
      this.element.style.height = `${height}px`;
      this.#chart.resize();
    }
    this.#chart.setOption(optionOf(shown), { replaceMerge: ['grid', 'xAxis', 'yAxis', 'series'] });
  }

  /** Moves to other ends at once, with what is there. */
  move(ends) {
    if (this.#shown !== null) {
      this.#shown = { ...this.#shown, ends };
      this.#chart.setOption({ xAxis: this.#shown.grids.map((_, place) => ({ id: `x${place}`, min: ends.from, max: ends.to })) });
    }
  }

  /** A PNG as a data address, with a title, and the names of lines where they are not those of their grids. */
  picture(title) {
    const { grids } = this.#shown;
    const names = grids.length === 1 ? grids[0].lines.map(line => line.name) : [];
    const frame = document.body.appendChild(h('div', { class: 'probe' }));
    frame.style.width = `${this.element.clientWidth}px`;
    frame.style.height = `${this.element.clientHeight + PICTURE_HEAD}px`;
    const chart = this.#echarts.init(frame);
    const option = optionOf(this.#shown);
    option.grid.forEach(grid => { grid.top += PICTURE_HEAD; });
    const ink = color('--ink');
    chart.setOption({
      ...option, backgroundColor: color('--paper'),
      title: { text: title, left: 12, top: 8, textStyle: { fontSize: 14, color: ink } },
      legend: { show: names.length > 1, data: names, left: 12, top: 30, icon: 'path://M0 4h20v2H0z', textStyle: { color: ink } },
    });
    const address = chart.getDataURL({ type: 'png', pixelRatio: 2 });
    chart.dispose();
    frame.remove();
    return address;
  }
}
