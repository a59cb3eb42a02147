//! A decoder of its own for what the inspector hands on, in the words of RFC 6143 7.7 and rfbproto.

use flate2::{Decompress, FlushDecompress};

/// Colours of a rectangle, row by row.
pub type Pixels = Vec<[u8; 3]>;

/// A zlib stream that goes on from rectangle to rectangle.
pub struct Zlib(Decompress);

impl Default for Zlib {
    fn default() -> Self {
        Self(Decompress::new(true))
    }
}

impl Zlib {
    /// Inflates all of `data`.
    pub fn inflate(&mut self, mut data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        loop {
            out.reserve(65_536);
            let before = self.0.total_in();
            self.0
                .decompress_vec(data, &mut out, FlushDecompress::Sync)
                .expect("a zlib stream in step");
            data = &data[(self.0.total_in() - before) as usize..];
            if data.is_empty() && out.len() < out.capacity() {
                return out;
            }
        }
    }
}

pub fn colours(bytes: &[u8]) -> Pixels {
    bytes.as_chunks::<3>().0.to_vec()
}

/// Tight, filter 1: indices of one bit or one byte.
pub fn tight_palette(palette: &[[u8; 3]], width: usize, data: &[u8]) -> Pixels {
    if palette.len() > 2 {
        return data.iter().map(|&index| palette[usize::from(index)]).collect();
    }
    let rows = data.chunks(width.div_ceil(8));
    rows.flat_map(|row| (0..width).map(|x| palette[usize::from(row[x / 8] >> (7 - x % 8) & 1)]))
        .collect()
}

/// Tight, filter 2: differences from a prediction.
pub fn tight_gradient(width: usize, data: &[u8]) -> Pixels {
    let mut out = colours(data);
    let at = |out: &Pixels, x: Option<usize>, y: Option<usize>| x.zip(y).map_or([0; 3], |(x, y)| out[y * width + x]);
    for index in 0..out.len() {
        let (x, y) = (index % width, index / width);
        let (left, up) = (x.checked_sub(1), y.checked_sub(1));
        let (a, b, c) = (at(&out, left, Some(y)), at(&out, Some(x), up), at(&out, left, up));
        for channel in 0..3 {
            let [a, b, c] = [a, b, c].map(|colour| i16::from(colour[channel]));
            out[index][channel] = out[index][channel].wrapping_add((a + b - c).clamp(0, 255) as u8);
        }
    }
    out
}

/// ZRLE: gives each tile to `tile` as x, y, width and colours.
pub fn zrle(width: usize, height: usize, data: &[u8], mut tile: impl FnMut(usize, usize, usize, Pixels)) {
    let mut data = Reader(data);
    for y in (0..height).step_by(64) {
        for x in (0..width).step_by(64) {
            let (columns, rows) = (64.min(width - x), 64.min(height - y));
            tile(x, y, columns, zrle_tile(&mut data, columns, rows));
        }
    }
    assert!(data.0.is_empty(), "{} bytes behind the last tile", data.0.len());
}

fn zrle_tile(data: &mut Reader<'_>, width: usize, height: usize) -> Pixels {
    let area = width * height;
    let kind = usize::from(data.byte());
    let mut out = Pixels::new();
    match kind {
        0 => out = colours(data.take(area * 3)),
        1 => out = vec![data.colour(); area],
        2..=16 => {
            let palette = colours(data.take(kind * 3));
            let bits = if kind == 2 {
                1
            } else if kind <= 4 {
                2
            } else {
                4
            };
            for _ in 0..height {
                let row = data.take((width * bits).div_ceil(8));
                out.extend((0..width).map(|x| {
                    let shift = 8 - bits - x * bits % 8;
                    palette[usize::from(row[x * bits / 8] >> shift) & ((1 << bits) - 1)]
                }));
            }
        }
        128 => {
            while out.len() < area {
                let colour = data.colour();
                out.extend(vec![colour; data.run()]);
            }
        }
        130..=255 => {
            let palette = colours(data.take((kind - 128) * 3));
            while out.len() < area {
                let index = data.byte();
                let run = if index & 128 == 0 { 1 } else { data.run() };
                out.extend(vec![palette[usize::from(index & 127)]; run]);
            }
        }
        other => panic!("no ZRLE tile has subencoding {other}"),
    }
    assert_eq!(out.len(), area);
    out
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn colour(&mut self) -> [u8; 3] {
        colours(self.take(3))[0]
    }

    fn run(&mut self) -> usize {
        let mut length = 1;
        loop {
            let byte = self.byte();
            length += usize::from(byte);
            if byte != 255 {
                return length;
            }
        }
    }
}
