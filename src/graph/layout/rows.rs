//! The cells of each row in an order with few crossings, at places with few bends.

/// Room between two boxes of a row, and beside what only passes.
const GAP: f64 = 36.0;
const PASSAGE_GAP: f64 = 18.0;

/// Rounds of ordering without a better one before the best is taken.
const PATIENCE: usize = 6;
const ROUNDS: usize = 24;

/// Cells in rows. The first ones are items, the others passages of edges.
#[derive(Debug)]
pub(super) struct Rows {
    /// The cells of each row, from left to right.
    pub(super) rows: Vec<Vec<usize>>,
    /// The middle of each cell.
    pub(super) x: Vec<f64>,
    widths: Vec<f64>,
    ranks: Vec<usize>,
    items: usize,
    up: Vec<Vec<Neighbour>>,
    down: Vec<Vec<Neighbour>>,
}

/// A cell of the row above or below.
#[derive(Clone, Copy, Debug)]
struct Neighbour {
    cell: usize,
    /// How far right of this cell's middle the neighbour's middle is to be.
    offset: f64,
}

impl Rows {
    /// Rows of items with these widths and ranks.
    pub(super) fn new(items: impl Iterator<Item = (f64, usize)>) -> Self {
        let (widths, ranks): (Vec<f64>, Vec<usize>) = items.unzip();
        let count = widths.len();
        Self {
            rows: Vec::new(),
            x: Vec::new(),
            widths,
            ranks,
            items: count,
            up: vec![Vec::new(); count],
            down: vec![Vec::new(); count],
        }
    }

    /// A cell for an edge that passes a row, as wide as its label there.
    pub(super) fn add_passage(&mut self, width: f64, rank: usize) -> usize {
        self.widths.push(width);
        self.ranks.push(rank);
        self.up.push(Vec::new());
        self.down.push(Vec::new());
        self.widths.len() - 1
    }

    /// An edge from a cell to one in the next row; it leaves and reaches them so far right of
    /// their middles.
    pub(super) fn connect(&mut self, upper: usize, lower: usize, leaves: f64, reaches: f64) {
        let offset = leaves - reaches;
        self.down[upper].push(Neighbour { cell: lower, offset });
        self.up[lower].push(Neighbour { cell: upper, offset: -offset });
    }

    /// Orders the rows and places their cells.
    pub(super) fn arranged(mut self) -> Self {
        self.fill();
        self.order();
        self.spread();
        self
    }

    /// Fills the rows in the order in which an execution may come along.
    fn fill(&mut self) {
        let count = self.ranks.iter().copied().max().map_or(0, |rank| rank + 1);
        self.rows = vec![Vec::new(); count];
        let mut seen = vec![false; self.ranks.len()];
        for start in 0..self.ranks.len() {
            let mut waiting = vec![start];
            while let Some(cell) = waiting.pop() {
                if std::mem::replace(&mut seen[cell], true) {
                    continue;
                }
                self.rows[self.ranks[cell]].push(cell);
                waiting.extend(self.down[cell].iter().rev().map(|neighbour| neighbour.cell));
            }
        }
    }

    /// Sorts rows by the means of their neighbours, downwards and upwards in turn, and keeps the
    /// best.
    fn order(&mut self) {
        let mut best = (self.crossings(), self.rows.clone());
        let mut patience = PATIENCE;
        for round in 0..ROUNDS {
            if best.0 == 0 || patience == 0 {
                break;
            }
            let places = self.rows.len();
            for step in 1..places {
                let (row, neighbours) = match round % 2 {
                    0 => (step, &self.up),
                    _ => (places - 1 - step, &self.down),
                };
                self.rows[row] = sorted(&self.rows, row, round % 2 == 0, neighbours);
            }
            let crossings = self.crossings();
            patience -= 1;
            if crossings < best.0 {
                best = (crossings, self.rows.clone());
                patience = PATIENCE;
            }
        }
        self.rows = best.1;
    }

    fn crossings(&self) -> usize {
        let mut places = vec![0; self.ranks.len()];
        for row in &self.rows {
            row.iter().enumerate().for_each(|(place, cell)| places[*cell] = place);
        }
        let mut crossings = 0;
        for (row, next) in self.rows.iter().zip(self.rows.iter().skip(1)) {
            // Edges by their upper ends; each crosses those before it that end further right.
            let mut tree = vec![0_usize; next.len() + 1];
            let mut before = 0;
            for cell in row {
                let mut ends: Vec<usize> =
                    self.down[*cell].iter().map(|neighbour| places[neighbour.cell]).collect();
                ends.sort_unstable();
                for end in &ends {
                    let (mut at, mut left) = (end + 1, 0);
                    while at > 0 {
                        left += tree[at];
                        at &= at - 1;
                    }
                    crossings += before - left;
                }
                for end in ends {
                    before += 1;
                    let mut at = end + 1;
                    while at < tree.len() {
                        tree[at] += 1;
                        at += at & at.wrapping_neg();
                    }
                }
            }
        }
        crossings
    }

    /// Places cells so that edges are as straight as the order of the rows lets them be.
    fn spread(&mut self) {
        self.x = vec![0.0; self.ranks.len()];
        for row in &self.rows {
            let mut right = 0.0;
            for (place, cell) in row.iter().enumerate() {
                if place > 0 {
                    right += self.distance(row[place - 1], *cell);
                }
                self.x[*cell] = right;
            }
            let middle = right / 2.0;
            row.iter().for_each(|cell| self.x[*cell] -= middle);
        }
        for round in 0..ROUNDS {
            let both = round + 6 >= ROUNDS;
            for row in 1..self.rows.len() {
                self.settle(row, true, both);
            }
            for row in (0..self.rows.len().saturating_sub(1)).rev() {
                self.settle(row, both, true);
            }
        }
    }

    /// How far apart the middles of two cells of a row must be.
    fn distance(&self, left: usize, right: usize) -> f64 {
        let gap = if left < self.items && right < self.items { GAP } else { PASSAGE_GAP };
        (self.widths[left] + self.widths[right]) / 2.0 + gap
    }

    /// Moves the cells of a row as near as possible to where their neighbours want them: the least
    /// squares under their order and distances, by pooling those that are in each other's way.
    fn settle(&mut self, row: usize, by_upper: bool, by_lower: bool) {
        let cells = &self.rows[row];
        // Blocks of cells that touch: where the first is to be, its weight, how many they are.
        let mut blocks: Vec<(f64, f64, usize)> = Vec::with_capacity(cells.len());
        let mut offsets = Vec::with_capacity(cells.len());
        let mut offset = 0.0;
        for (place, cell) in cells.iter().enumerate() {
            if place > 0 {
                offset += self.distance(cells[place - 1], *cell);
            }
            offsets.push(offset);
            let (mut sum, mut weight) = (self.x[*cell] * 0.01, 0.01);
            let upper = self.up[*cell].iter().filter(|_| by_upper);
            for neighbour in upper.chain(self.down[*cell].iter().filter(|_| by_lower)) {
                let own = self.weight(*cell, neighbour.cell);
                sum += own * (self.x[neighbour.cell] - neighbour.offset);
                weight += own;
            }
            blocks.push((sum / weight - offset, weight, 1));
            while let [.., (x, w, n), (next_x, next_w, next_n)] = *blocks.as_slice()
                && x > next_x
            {
                blocks.truncate(blocks.len() - 2);
                let weight = w + next_w;
                blocks.push(((x * w + next_x * next_w) / weight, weight, n + next_n));
            }
        }
        let mut place = 0;
        for (x, _, count) in blocks {
            for _ in 0..count {
                self.x[self.rows[row][place]] = x + offsets[place];
                place += 1;
            }
        }
    }

    /// Long edges want to be straight most of all, then chains of states.
    fn weight(&self, cell: usize, other: usize) -> f64 {
        let chain = |cell: usize| self.up[cell].len() <= 1 && self.down[cell].len() <= 1;
        match (cell < self.items, other < self.items) {
            (false, false) => 8.0,
            (true, true) if chain(cell) && chain(other) => 4.0,
            (true, true) => 2.0,
            _ => 1.0,
        }
    }
}

/// A row sorted by the mean place of its cells' neighbours in the row before (or behind) it; cells
/// without one keep their place.
fn sorted(
    rows: &[Vec<usize>],
    row: usize,
    downwards: bool,
    neighbours: &[Vec<Neighbour>],
) -> Vec<usize> {
    let other = &rows[if downwards { row - 1 } else { row + 1 }];
    let places: rustc_hash::FxHashMap<usize, usize> =
        other.iter().enumerate().map(|(place, cell)| (*cell, place)).collect();
    let mut cells: Vec<(f64, usize)> = rows[row]
        .iter()
        .enumerate()
        .map(|(place, cell)| {
            let own = neighbours[*cell].iter().filter_map(|n| places.get(&n.cell));
            let (sum, count) = own.fold((0, 0), |(sum, count), place| (sum + place, count + 1));
            // Its place as a share of the row, where nothing pulls it.
            let share = (place as f64 + 0.5) / rows[row].len() as f64 * other.len() as f64;
            (if count == 0 { share } else { sum as f64 / f64::from(count) }, *cell)
        })
        .collect();
    cells.sort_by(|a, b| a.0.total_cmp(&b.0));
    cells.into_iter().map(|(_, cell)| cell).collect()
}
