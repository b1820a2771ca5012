// A picture with a map's values under the pointer, and a brush to cover parts of it.
// data: picture (URL), alt, values (rows of numbers or null), box and view (left, top, width, height in shares of the
// photograph), strongest, words (what a value means), paint (whether strokes are taken), strokes, radius.
export default function ({ data, parentElement, setStateValue }) {
  const root = parentElement.querySelector(".viewer");
  const picture = root.querySelector("img");
  const canvas = root.querySelector("canvas");
  const readout = root.querySelector(".readout");
  const first = data.paint
    ? "Draw over the picture; on the keyboard, arrow keys move and the space bar paints."
    : "Point at the picture to read a value; on the keyboard, use the arrow keys.";
  picture.src = data.picture;
  picture.alt = data.alt;
  canvas.setAttribute("aria-label", data.alt + ". " + first);
  if (!readout.textContent) readout.textContent = first;

  let strokes = data.strokes || [];
  let cursor = root.cursor || { x: 0.5, y: 0.5 };
  let drawing = null;

  const toPhotograph = (p) => ({
    x: data.view.left + p.x * data.view.width,
    y: data.view.top + p.y * data.view.height,
  });

  function read(p) {
    const at = toPhotograph(p);
    const rows = data.values.length, columns = rows ? data.values[0].length : 0;
    const column = Math.floor(((at.x - data.box.left) / data.box.width) * columns);
    const row = Math.floor(((at.y - data.box.top) / data.box.height) * rows);
    if (!rows) return "";
    if (row < 0 || column < 0 || row >= rows || column >= columns) return "The network does not see this part.";
    const value = data.values[row][column];
    const share = data.strongest > 0 ? (value / data.strongest) * 100 : 0;
    const side = value > 0 ? data.words.positive : value < 0 ? data.words.negative : data.words.zero;
    return `Row ${row + 1}, column ${column + 1} of ${rows} × ${columns}: ${value >= 0 ? "+" : "−"}${Math.abs(value).toPrecision(3)}, ` +
      `${Math.abs(share).toFixed(0)} % of the strongest, ${side}`;
  }

  function draw() {
    const { width, height } = canvas.getBoundingClientRect();
    if (!width) return;
    canvas.width = width;
    canvas.height = height;
    const pen = canvas.getContext("2d");
    pen.fillStyle = "rgba(0, 114, 178, 0.45)";
    for (const [x, y, r] of strokes) {
      pen.beginPath();
      pen.arc(((x - data.view.left) / data.view.width) * width, ((y - data.view.top) / data.view.height) * height,
        (r / data.view.width) * width, 0, 2 * Math.PI);
      pen.fill();
    }
    if (document.activeElement === root.getRootNode().host || root.getRootNode().activeElement === canvas) {
      pen.strokeStyle = "#fff";
      pen.lineWidth = 3;
      pen.strokeRect(cursor.x * width - 8, cursor.y * height - 8, 16, 16);
      pen.strokeStyle = "#000";
      pen.lineWidth = 1;
      pen.strokeRect(cursor.x * width - 8, cursor.y * height - 8, 16, 16);
    }
  }

  const position = (event) => {
    const r = canvas.getBoundingClientRect();
    return { x: (event.clientX - r.left) / r.width, y: (event.clientY - r.top) / r.height };
  };
  const cover = (p) => {
    const at = toPhotograph(p);
    strokes = strokes.concat([[at.x, at.y, data.radius * data.view.width]]);
    draw();
  };
  const send = () => setStateValue("strokes", strokes);

  canvas.onpointerdown = (event) => {
    if (!data.paint) return;
    canvas.setPointerCapture(event.pointerId);
    drawing = position(event);
    cover(drawing);
  };
  canvas.onpointermove = (event) => {
    const p = position(event);
    if (drawing) {
      const step = data.radius / 2;
      if (Math.hypot(p.x - drawing.x, p.y - drawing.y) > step) {
        drawing = p;
        cover(p);
      }
    } else if (!data.paint) readout.textContent = read(p);
  };
  canvas.onpointerup = () => {
    if (drawing) {
      drawing = null;
      send();
    }
  };
  canvas.onpointerleave = () => {
    if (!drawing && !data.paint) readout.textContent = first;
  };
  canvas.onkeydown = (event) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (move) {
      event.preventDefault();
      cursor = {
        x: Math.min(0.99, Math.max(0.01, cursor.x + move[0] * 0.04)),
        y: Math.min(0.99, Math.max(0.01, cursor.y + move[1] * 0.04)),
      };
      root.cursor = cursor;
      if (!data.paint) readout.textContent = read(cursor);
      draw();
    } else if (data.paint && event.key === " ") {
      event.preventDefault();
      cover(cursor);
      send();
    }
  };
  canvas.onfocus = draw;
  canvas.onblur = draw;
  const sized = new ResizeObserver(draw);
  sized.observe(picture);
  picture.onload = draw;
  draw();
  return () => sized.disconnect();
}
