//! What came out: a table, a file for programs and a picture.

use std::fs;
use std::path::Path;

use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use plotters::prelude::*;
use serde_json::{Value, json};

use crate::cpu::Spent;

/// Which side of its bound a ratio has to be on.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    const fn number(self) -> f64 {
        match self {
            Self::AtLeast(number) | Self::AtMost(number) => number,
        }
    }
}

/// A figure beside its reference.
pub(crate) struct Figure {
    pub(crate) row: u32,
    pub(crate) name: String,
    pub(crate) ours: f64,
    pub(crate) reference: f64,
    pub(crate) unit: &'static str,
    pub(crate) bound: Bound,
    /// Microseconds of processors for a request, ours and the reference's.
    pub(crate) spent: Option<(Spent, Spent)>,
    /// What else is worth knowing.
    pub(crate) note: Option<String>,
    /// What went wrong, if anything did; then it is not held.
    pub(crate) problem: Option<String>,
}

impl Figure {
    fn ratio(&self) -> f64 {
        self.ours / self.reference
    }

    fn is_held(&self) -> bool {
        let is_within = match self.bound {
            Bound::AtLeast(bound) => self.ratio() >= bound,
            Bound::AtMost(bound) => self.ratio() <= bound,
        };
        is_within && self.problem.is_none()
    }

    /// The ratio over its bound, turned so that 1 and more is good.
    fn margin(&self) -> f64 {
        match self.bound {
            Bound::AtLeast(bound) => self.ratio() / bound,
            Bound::AtMost(bound) => bound / self.ratio(),
        }
    }

    fn json(&self) -> Value {
        let kind = match self.bound {
            Bound::AtLeast(_) => "at_least",
            Bound::AtMost(_) => "at_most",
        };
        let cpu =
            self.spent.map(|(ours, reference)| json!({ "ours": cpu(ours), "reference": cpu(reference) }));
        json!({
            "row": self.row, "name": self.name, "ours": self.ours, "reference": self.reference, "unit": self.unit,
            "ratio": self.ratio(), "floor": self.bound.number(), "kind": kind, "held": self.is_held(),
            "cpu_microseconds": cpu, "note": self.note, "problem": self.problem,
        })
    }
}

fn cpu(spent: Spent) -> Value {
    json!({ "server": spent.server, "postgres": spent.postgres, "load": spent.load })
}

/// Digits as many as mean something.
fn shown(number: f64) -> String {
    if number.abs() >= 100.0 { format!("{number:.0}") } else { format!("{number:.2}") }
}

/// Prints everything and writes it down. Says whether all bounds were held.
pub(crate) fn report(figures: &[Figure], results: &Path) -> bool {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["row", "what", "ours", "reference", "unit", "ratio", "bound", ""]);
    let mut spent = Table::new();
    spent.load_style(UTF8_FULL_CONDENSED);
    spent.set_header([
        "row",
        "µs of CPU a request",
        "server",
        "postgres",
        "load",
        "bare",
        "postgres",
        "load",
    ]);
    for figure in figures {
        let bound = match figure.bound {
            Bound::AtLeast(bound) => format!("≥ {bound}"),
            Bound::AtMost(bound) => format!("≤ {bound}"),
        };
        let name =
            figure.note.as_ref().map_or(figure.name.clone(), |note| format!("{} ({note})", figure.name));
        table.add_row([
            figure.row.to_string(),
            name,
            shown(figure.ours),
            shown(figure.reference),
            figure.unit.to_owned(),
            format!("{:.3}", figure.ratio()),
            bound,
            if figure.is_held() { "held" } else { "NOT HELD" }.to_owned(),
        ]);
        if let Some((ours, reference)) = figure.spent {
            let numbers =
                [ours.server, ours.postgres, ours.load, reference.server, reference.postgres, reference.load];
            let cells = [figure.row.to_string(), figure.name.clone()];
            spent.add_row(cells.into_iter().chain(numbers.map(|number| format!("{number:.1}"))));
        }
    }
    println!("{table}\n{spent}");
    for figure in figures {
        if let Some(problem) = &figure.problem {
            println!("row {}, {}: {problem}", figure.row, figure.name);
        }
    }
    fs::create_dir_all(results).unwrap();
    let all: Vec<Value> = figures.iter().map(Figure::json).collect();
    fs::write(results.join("latest.json"), serde_json::to_string_pretty(&all).unwrap() + "\n").unwrap();
    draw(figures, &results.join("latest.svg"));
    figures.iter().all(Figure::is_held)
}

/// A bar for each figure: how its ratio stands to its bound, which is the line at 1.
fn draw(figures: &[Figure], file: &Path) {
    let height = 60 + 26 * u32::try_from(figures.len()).unwrap();
    let root = SVGBackend::new(file, (1200, height)).into_drawing_area();
    root.fill(&WHITE).unwrap();
    let style = ("sans-serif", 14).into_font();
    root.draw(&Text::new(
        "Ratio over bound, on a logarithmic scale; right of the line is held",
        (20, 12),
        style.clone(),
    ))
    .unwrap();
    // From a tenth of the bound to ten times as much.
    let place = |margin: f64| 900 + (margin.clamp(0.1, 10.0).log10() * 240.0) as i32;
    for (number, figure) in (0..).zip(figures) {
        let top = 40 + 26 * number;
        let margin = figure.margin();
        let colour = if figure.is_held() { RGBColor(46, 125, 50) } else { RGBColor(198, 40, 40) };
        root.draw(&Text::new(format!("{}  {}", figure.row, figure.name), (20, top + 2), style.clone()))
            .unwrap();
        let (from, to) = (place(1.0).min(place(margin)), place(1.0).max(place(margin)));
        root.draw(&Rectangle::new([(from, top), (to, top + 18)], colour.filled())).unwrap();
        root.draw(&Text::new(format!("{margin:.2}"), (1150, top + 2), style.clone())).unwrap();
    }
    let bottom = i32::try_from(height).unwrap() - 15;
    root.draw(&PathElement::new(vec![(place(1.0), 34), (place(1.0), bottom)], BLACK.stroke_width(1)))
        .unwrap();
    root.present().unwrap();
}
