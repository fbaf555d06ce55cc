// Readings as they are committed, of the sensors in sight.

import { address, list } from './api.js';

const WAIT = 300;

export class Live {
  #source;
  #timer;
  #watched = '';

  /**
   * @param onReading called with each reading: sensor_id, time, and values by their metric's name.
   * @param onOpen called with the sensors as a parameter names them when readings begin to come: what was committed just before
   * is not among them.
   */
  constructor({ signal, onReading, onOpen }) {
    Object.assign(this, { onReading, onOpen });
    signal.addEventListener('abort', () => {
      clearTimeout(this.#timer);
      this.#source?.close();
    });
  }

  /** Watches these sensors and no others, once nobody scrolls any more. */
  watch(ids) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#open(list([...ids].sort())), WAIT);
  }

  #open(sensors) {
    // The browser goes on by itself after a lost connection; a server that refused is asked again with the next sensors.
    if (sensors === this.#watched && this.#source?.readyState !== EventSource.CLOSED) {
      return;
    }
    this.#source?.close();
    this.#watched = sensors;
    if (sensors !== '') {
      this.#source = new EventSource(address('/api/live', { sensors }));
      this.#source.addEventListener('open', () => this.onOpen(sensors));
      this.#source.addEventListener('reading', event => this.onReading(JSON.parse(event.data)));
    }
  }
}
