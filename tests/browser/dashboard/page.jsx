// deploy/grafana/dashboard.json with figures of a Prometheus, drawn by Grafana's own components.
//
// window.DRAWING is {dashboard, figures, from, to}: figures has, by a panel's id, for each of its targets the result of
// /api/v1/query_range; from and to are seconds since 1970. What Grafana's panels do beyond these components (their
// defaults, and the grid) is done here, and no more of it than this dashboard needs.

import "uplot/dist/uPlot.min.css";
import { createRoot } from "react-dom/client";
import { FieldType, ThemeContext, createTheme, dateTime, getDisplayProcessor, toDataFrame } from "@grafana/data";
import { BigValue, GlobalStyles, PanelChrome, TimeSeries } from "@grafana/ui";

const { dashboard, figures, from, to } = window.DRAWING;
const COLUMNS = 24;
const WIDTH = 1560;
const GAP = 8;
const ROW = 30 + GAP;
const DEFAULTS = {
  timeseries: { color: { mode: "palette-classic" }, custom: { lineWidth: 1 } },
  stat: { color: { mode: "thresholds" } },
};

const theme = createTheme({ colors: { mode: "light" } });
const range = { from: dateTime(from * 1000), to: dateTime(to * 1000) };
const timeRange = { ...range, raw: range };

const legend = (format, labels) => format.replace(/\{\{(\w+)\}\}/g, (_, name) => labels[name] ?? "");

function frame(target, { metric, values }) {
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: "Time", type: FieldType.time, values: values.map(([seconds]) => seconds * 1000) },
      {
        name: "Value",
        type: FieldType.number,
        values: values.map(([, value]) => Number(value)),
        config: { displayNameFromDS: legend(target.legendFormat, metric) },
      },
    ],
  });
}

function frames(panel) {
  if (panel.fieldConfig.overrides.length) throw new Error(`${panel.title}: overrides are not drawn`);
  const drawn = panel.targets.flatMap((target, at) => figures[panel.id][at].map((series) => frame(target, series)));
  drawn.forEach(({ fields: [, field] }, seriesIndex) => {
    const values = field.values.filter(Number.isFinite);
    const [min, max] = [Math.min(...values), Math.max(...values)];
    field.config = { ...DEFAULTS[panel.type], ...panel.fieldConfig.defaults, ...field.config };
    field.state = { seriesIndex, range: { min, max, delta: max - min } };
    field.display = getDisplayProcessor({ field, theme, timeZone: dashboard.timezone });
  });
  return drawn;
}

function Chart({ panel, ...size }) {
  const drawn = frames(panel);
  if (panel.type === "timeseries") {
    const shown = { calcs: [], ...panel.options.legend };
    return <TimeSeries frames={drawn} timeRange={timeRange} timeZone={dashboard.timezone} legend={shown} {...size} />;
  }
  const [x, y] = drawn[0].fields;
  const value = y.display(y.values.at(-1));
  return <BigValue value={value} sparkline={{ x, y, timeRange }} theme={theme} {...panel.options} {...size} />;
}

function Panel({ panel }) {
  const { x, y, w, h } = panel.gridPos;
  const column = (WIDTH + GAP) / COLUMNS;
  const size = { width: w * column - GAP, height: h * ROW - GAP };
  return (
    <section data-panel={panel.id} style={{ position: "absolute", left: x * column, top: y * ROW, ...size }}>
      {panel.type === "row" ? (
        <h4>{panel.title}</h4>
      ) : (
        <PanelChrome title={panel.title} description={panel.description} {...size}>
          {(width, height) => <Chart panel={panel} width={width} height={height} />}
        </PanelChrome>
      )}
    </section>
  );
}

const bottom = Math.max(...dashboard.panels.map(({ gridPos: { y, h } }) => y + h)) * ROW;
createRoot(document.getElementById("dashboard")).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <main style={{ position: "relative", margin: 2 * GAP, width: WIDTH, height: bottom }}>
      {dashboard.panels.map((panel) => (
        <Panel key={panel.id} panel={panel} />
      ))}
    </main>
  </ThemeContext.Provider>,
);
