//! Charts as SVG within the page: bars that lie, one line a row, so that long names and many months stay readable on a telephone. Colours and
//! sizes of letters are the style sheet's; the table beside a chart says the same to whoever does not see it.

/// A chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// What the first bar of a row counts, and its definition.
    pub first: Series,
    /// The same of a second one, where there is one.
    pub second: Option<Series>,
    pub rows: Vec<ChartRow>,
    pub height: usize,
}

/// What bars of one kind count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    pub title: String,
    /// The stable name of its definition.
    pub definition: &'static str,
}

/// One row: a label, and below it a bar for each series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChartRow {
    /// Its lines, each with where its letters stand.
    pub label: Vec<(usize, String)>,
    pub bars: Vec<Bar>,
}

/// One bar, with its number behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    pub y: usize,
    pub width: usize,
    pub number: String,
    pub number_x: usize,
    pub number_y: usize,
    pub is_second: bool,
    pub definition: &'static str,
}

impl Chart {
    /// From labels and numbers; `written` writes a number.
    pub fn new(
        first: Series,
        second: Option<Series>,
        rows: Vec<(String, Vec<u64>)>,
        written: impl Fn(u64) -> String,
    ) -> Self {
        let most = rows.iter().flat_map(|(_, numbers)| numbers).copied().max().unwrap_or_default().max(1);
        let mut y = 0;
        let rows = rows
            .into_iter()
            .map(|(label, numbers)| {
                let lines = wrapped(&label).into_iter().map(|line| {
                    y += LABEL;
                    (y - 5, line)
                });
                let label = lines.collect();
                let named = [Some(&first), second.as_ref()];
                let bars = named.into_iter().flatten().zip(numbers).enumerate().map(|(at, (series, number))| {
                    let width = width(number, most);
                    let top = y;
                    y += BAR + GAP;
                    Bar {
                        y: top,
                        width,
                        number: written(number),
                        number_x: width + 6,
                        number_y: top + BAR - 2,
                        is_second: at == 1,
                        definition: series.definition,
                    }
                });
                let row = ChartRow { label, bars: bars.collect() };
                y += GAP;
                row
            })
            .collect();
        Self { first, second, rows, height: y.max(1) }
    }
}

/// A label in lines that fit; what does not fit on the last is left to the table.
fn wrapped(label: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in label.split_whitespace() {
        let count = lines.len();
        let Some(line) = lines.last_mut() else { continue };
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= LINE {
            line.push(' ');
            line.push_str(word);
        } else if count < LINES {
            lines.push(word.to_owned());
        } else {
            line.push('…');
            break;
        }
    }
    lines
}

/// At least one unit for a number that is not 0.
fn width(number: u64, most: u64) -> usize {
    let scaled = u128::from(number) * WIDEST / u128::from(most);
    usize::try_from(scaled).unwrap_or_default().max(usize::from(number > 0))
}

/// Units of the picture, which is 340 wide: what is left goes to the number.
const WIDEST: u128 = 270;
const LABEL: usize = 20;
/// Characters of a line of a label, and lines.
const LINE: usize = 42;
const LINES: usize = 2;
const BAR: usize = 14;
const GAP: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_numbers() {
        let series = |title: &str| Series { title: title.to_owned(), definition: "issued" };
        let rows = vec![("a".to_owned(), vec![1_000, 0]), ("b".to_owned(), vec![500, 1])];
        let chart = Chart::new(series("x"), Some(series("y")), rows, |number| number.to_string());
        let widths: Vec<usize> = chart.rows.iter().flat_map(|row| row.bars.iter().map(|bar| bar.width)).collect();
        assert_eq!(widths, [270, 0, 135, 1]);
        assert!(chart.rows[1].bars[1].is_second && chart.rows[1].bars[1].y < chart.height);
        let long = "Ủy ban nhân dân phường Văn Miếu - Quốc Tử Giám, thành phố Hà Nội (00187), đến 30/06/2025, đã chia";
        let lines = wrapped(long);
        assert_eq!(lines[0], "Ủy ban nhân dân phường Văn Miếu - Quốc Tử");
        assert_eq!(lines[1], "Giám, thành phố Hà Nội (00187), đến…");
        assert_eq!(Chart::new(series("x"), None, Vec::new(), |number| number.to_string()).height, 1);
    }
}
