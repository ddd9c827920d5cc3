/**
 * Draws the stacked bars of the reports with chart.js: each series has a pattern and a border of its own, so that
 * they can be told apart without colours. Nothing moves. The tables on the page have the same figures.
 */
const { Chart } = window;
const print = window.matchMedia("print");
const dark = window.matchMedia("(prefers-color-scheme: dark)");

/** Colours of board.css as they are now; on paper black on white. */
function colours(printing) {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  if (printing) return { text: "#000", line: "#999", ink: () => "#000", ground: () => "#fff" };
  return { text: of("text"), line: of("line"), ink: (name) => of(name), ground: (name) => of(`${name}-ground`) };
}

/** A small tile that is repeated. */
function pattern(kind, ink, ground) {
  const size = 10;
  const tile = document.createElement("canvas");
  tile.width = tile.height = size;
  const draw = tile.getContext("2d");
  draw.fillStyle = ground;
  draw.fillRect(0, 0, size, size);
  draw.strokeStyle = draw.fillStyle = ink;
  draw.lineWidth = 2;
  const line = (x1, y1, x2, y2) => {
    draw.beginPath();
    draw.moveTo(x1, y1);
    draw.lineTo(x2, y2);
    draw.stroke();
  };
  if (kind === "lines" || kind === "cross") for (const d of [-size, 0, size]) line(d, size, d + size, 0);
  if (kind === "back" || kind === "cross") for (const d of [-size, 0, size]) line(d, 0, d + size, size);
  if (kind === "dots") {
    draw.beginPath();
    draw.arc(size / 2, size / 2, 2, 0, 7);
    draw.fill();
  }
  return draw.createPattern(tile, "repeat");
}

/** The areas of the series. */
function areas(facts, printing) {
  const { ink, ground } = colours(printing);
  return facts.series.map(({ colour, pattern: kind }) => ({
    backgroundColor: kind === "plain" ? ground(colour) : pattern(kind, ink(colour), ground(colour)),
    borderColor: ink(colour),
  }));
}

function dress(chart, facts, printing) {
  const { text, line } = colours(printing);
  areas(facts, printing).forEach((area, i) => Object.assign(chart.data.datasets[i], area));
  const { x, y } = chart.options.scales;
  for (const scale of [x, y]) {
    scale.ticks.color = text;
    scale.title.color = text;
    scale.grid.color = line;
    scale.border.color = line;
  }
  chart.options.plugins.legend.labels.color = text;
  chart.update();
}

/** Labels have as much of the chart as leaves room for its bars; on a phone a stage stands there without its workflow. */
function short(text, width) {
  const label = width < 500 ? text.slice(text.indexOf(": ") + 1).trim() : text;
  const most = Math.max(16, Math.floor(width / 22));
  return label.length > most ? `${label.slice(0, most - 1)}…` : label;
}

function draw(canvas) {
  const facts = JSON.parse(canvas.dataset.chart);
  const dressed = areas(facts, print.matches);
  const font = { family: getComputedStyle(document.body).fontFamily, size: 13 };
  const scale = () => ({ stacked: true, beginAtZero: true, ticks: { font }, title: { font }, grid: {}, border: {} });
  const chart = new Chart(canvas, {
    type: "bar",
    data: {
      labels: facts.labels.map((label) => short(label, canvas.parentElement.clientWidth)),
      datasets: facts.series.map(({ name, values }, i) => ({
        label: name, data: values, borderWidth: 1.5, maxBarThickness: 34, ...dressed[i],
      })),
    },
    options: {
      indexAxis: "y",
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      scales: {
        x: { ...scale(), title: { font, display: true, text: facts.unit }, ticks: { font, maxTicksLimit: Math.max(3, Math.floor(canvas.parentElement.clientWidth / 110)), precision: facts.unit === "hours" ? undefined : 0 } },
        y: { ...scale(), ticks: { font, autoSkip: false } },
      },
      plugins: {
        colors: { enabled: false },
        legend: { position: "top", align: "start", labels: { font, boxWidth: 34, boxHeight: 14 } },
        tooltip: { callbacks: { title: (items) => facts.labels[items[0]?.dataIndex] ?? "" } },
      },
    },
  });
  dress(chart, facts, print.matches);
  dark.addEventListener("change", () => dress(chart, facts, print.matches));
  print.addEventListener("change", () => dress(chart, facts, print.matches));
  window.addEventListener("beforeprint", () => dress(chart, facts, true));
  window.addEventListener("afterprint", () => dress(chart, facts, false));
}

for (const canvas of document.querySelectorAll("canvas[data-chart]")) draw(canvas);
