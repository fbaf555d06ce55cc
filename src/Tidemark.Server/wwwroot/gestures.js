// Zoom and pan by mouse, touch and keyboard. What they mean goes to three functions:
// zoom(factor, share) about a share of the width, pan(share of it), select(from, to) as shares.

const STEP = 0.25;
const [CLOSER, FARTHER] = [0.5, 2];
const LEAST_DRAG = 6;

/**
 * @param target the element that takes them.
 * @param plot where its plot begins and ends, in pixels: () => ({ left, width }).
 * @param selection the element that shows what is being selected.
 */
export function takeGestures(target, plot, selection, { zoom, pan, select, toNow }) {
  const share = event => (event.clientX - target.getBoundingClientRect().left - plot().left) / plot().width;
  const pointers = new Map();
  let drag = null;

  target.addEventListener('keydown', event => {
    const action = {
      ArrowLeft: () => pan(-STEP), ArrowRight: () => pan(STEP),
      '+': () => zoom(CLOSER, 0.5), '=': () => zoom(CLOSER, 0.5), '-': () => zoom(FARTHER, 0.5), End: toNow,
    }[event.key];
    if (action && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      action();
    }
  });

  // The wheel alone scrolls the page, which is longer than the screen.
  target.addEventListener('wheel', event => {
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : 0;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY / 200))), clamp(share(event)));
    } else if (sideways !== 0) {
      event.preventDefault();
      pan(sideways / plot().width);
    }
  }, { passive: false });

  target.addEventListener('dblclick', event => zoom(FARTHER, clamp(share(event))));

  target.addEventListener('pointerdown', event => {
    if (event.button !== 0) {
      return;
    }
    pointers.set(event.pointerId, event);
    if (event.pointerType === 'mouse') {
      drag = { begin: share(event), last: share(event), pans: event.shiftKey };
      target.setPointerCapture(event.pointerId);
    }
  });

  target.addEventListener('pointermove', event => {
    const before = pointers.get(event.pointerId);
    if (before === undefined) {
      return;
    }
    if (event.pointerType !== 'mouse') {
      pinch(pointers, before, event);
    } else if (drag.pans) {
      pan(drag.last - share(event));
      drag.last = share(event);
    } else {
      drag.last = share(event);
      show(drag);
    }
    pointers.set(event.pointerId, event);
  });

  // One finger moves, two zoom about their middle.
  function pinch(all, before, now) {
    const other = [...all.values()].find(one => one.pointerId !== now.pointerId);
    if (other === undefined) {
      pan(share(before) - share(now));
      return;
    }
    const [was, is] = [Math.abs(share(before) - share(other)), Math.abs(share(now) - share(other))];
    if (was > 0.01 && is > 0.01) {
      zoom(was / is, clamp((share(now) + share(other)) / 2));
    }
  }

  const end = event => {
    const isSelected = event.type === 'pointerup' && drag !== null && !drag.pans && isFar(drag);
    const chosen = isSelected && [drag.begin, drag.last].map(clamp).sort((a, b) => a - b);
    pointers.delete(event.pointerId);
    drag = null;
    selection.hidden = true;
    if (chosen) {
      select(...chosen);
    }
  };
  target.addEventListener('pointerup', end);
  target.addEventListener('pointercancel', end);

  const isFar = ({ begin, last }) => Math.abs(clamp(last) - clamp(begin)) * plot().width >= LEAST_DRAG;

  function show(drawn) {
    const { left, width } = plot();
    const [from, to] = [drawn.begin, drawn.last].map(clamp).sort((a, b) => a - b);
    selection.hidden = !isFar(drawn);
    selection.style.left = `${left + from * width}px`;
    selection.style.width = `${(to - from) * width}px`;
  }
}

const clamp = share => Math.max(0, Math.min(1, share));
