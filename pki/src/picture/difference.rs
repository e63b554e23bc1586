//! Where two pictures of a page differ, as a few frames that a person takes in at a glance.

use super::draw::Pixels;
use super::{Area, limits};

/// Side of the squares that are compared, pixels.
const SQUARE: usize = 6;
/// Squares so far apart still belong to one frame: letters of a word, words of a line.
const REACH: usize = 3;
/// Room between what differs and its frame, pixels.
const MARGIN: usize = 4;
/// How much one of three colours must differ, of 255, so that two ways to round the same edge do not count.
const NOTICEABLE: u8 = 40;

/// Frames around what differs; the whole page where the two have other sizes.
pub(super) fn areas(before: &Pixels, after: &Pixels) -> Vec<Area> {
    if (before.width, before.height) != (after.width, after.height) {
        return vec![Area { left: 0, top: 0, width: after.width, height: after.height }];
    }
    let (width, height) = (usize::from(after.width), usize::from(after.height));
    let (columns, rows) = (width.div_ceil(SQUARE), height.div_ceil(SQUARE));
    let mut differs = vec![false; columns * rows];
    for y in 0..height {
        for x in 0..width {
            let pair = before.at(x, y).into_iter().zip(after.at(x, y));
            if pair.into_iter().any(|(one, other)| one.abs_diff(other) > NOTICEABLE)
                && let Some(square) = differs.get_mut(y / SQUARE * columns + x / SQUARE)
            {
                *square = true;
            }
        }
    }
    let mut found = Vec::new();
    for start in 0..differs.len() {
        if differs.get(start) == Some(&true) {
            found.push(gather(&mut differs, columns, rows, start));
        }
    }
    if found.len() > limits::DIFFERENCES {
        let around = found.into_iter().reduce(|one, other| Squares {
            left: one.left.min(other.left),
            top: one.top.min(other.top),
            right: one.right.max(other.right),
            bottom: one.bottom.max(other.bottom),
        });
        found = around.into_iter().collect();
    }
    found.into_iter().map(|one| one.area(after)).collect()
}

/// Squares from the first to the last, both included.
struct Squares {
    left: usize,
    top: usize,
    right: usize,
    bottom: usize,
}

impl Squares {
    fn area(&self, picture: &Pixels) -> Area {
        let pixel = |at: usize, most: u16| u16::try_from(at).unwrap_or(most).min(most);
        let first = |square: usize| (square * SQUARE).saturating_sub(MARGIN);
        let last = |square: usize| (square + 1) * SQUARE + MARGIN;
        let (left, top) = (pixel(first(self.left), picture.width), pixel(first(self.top), picture.height));
        let (right, bottom) = (pixel(last(self.right), picture.width), pixel(last(self.bottom), picture.height));
        Area { left, top, width: right.saturating_sub(left), height: bottom.saturating_sub(top) }
    }
}

/// Takes a square and all that hang together with it.
fn gather(differs: &mut [bool], columns: usize, rows: usize, start: usize) -> Squares {
    let mut squares = Squares { left: columns, top: rows, right: 0, bottom: 0 };
    let mut waiting = vec![start];
    if let Some(first) = differs.get_mut(start) {
        *first = false;
    }
    while let Some(at) = waiting.pop() {
        let (x, y) = (at % columns, at / columns);
        squares.left = squares.left.min(x);
        squares.right = squares.right.max(x);
        squares.top = squares.top.min(y);
        squares.bottom = squares.bottom.max(y);
        for row in y.saturating_sub(1)..(y + 2).min(rows) {
            for column in x.saturating_sub(REACH)..(x + REACH + 1).min(columns) {
                let near = row * columns + column;
                if let Some(square) = differs.get_mut(near).filter(|square| **square) {
                    *square = false;
                    waiting.push(near);
                }
            }
        }
    }
    squares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(dark: &[(usize, usize)]) -> Pixels {
        let mut bytes = vec![0xff; 120 * 60 * 4];
        for (x, y) in dark {
            let start = (y * 120 + x) * 4;
            bytes.iter_mut().skip(start).take(3).for_each(|byte| *byte = 0);
        }
        Pixels { width: 120, height: 60, bytes }
    }

    #[test]
    fn what_is_near_is_one_frame_and_what_is_far_another() {
        let found = areas(&sheet(&[]), &sheet(&[(10, 10), (25, 12), (100, 50)]));
        let corners: Vec<_> = found.iter().map(|area| (area.left, area.top, area.width, area.height)).collect();
        assert_eq!(corners, [(2, 2, 32, 20), (92, 44, 14, 14)]);
        assert!(areas(&sheet(&[(3, 3)]), &sheet(&[(3, 3)])).is_empty());
    }

    #[test]
    fn another_size_is_another_page() {
        let small = Pixels { width: 10, height: 10, bytes: vec![0xff; 400] };
        let found = areas(&small, &sheet(&[]));
        assert_eq!(found, [Area { left: 0, top: 0, width: 120, height: 60 }]);
    }
}
