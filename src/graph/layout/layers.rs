//! One level in layers, after Sugiyama: edges lead downwards from layer to layer, with few
//! crossings and few bends.

use super::rows::Rows;
use super::{Course, Point};

/// Room between two rows of boxes; half of it to a row that only edges pass.
const GAP: f64 = 40.0;

/// How far apart edges leave a box.
const PITCH: f64 = 22.0;

/// A box, or a group with a drawing of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Item {
    pub(super) width: f64,
    pub(super) height: f64,
    /// Its middle.
    pub(super) x: f64,
    pub(super) y: f64,
    /// Whether edges may leave and reach it beside its middle.
    pub(super) wide: bool,
    pub(super) is_group: bool,
    /// Of a group: how far its first box is from its upper side, and the last from the lower one.
    pub(super) head: f64,
    pub(super) foot: f64,
    pub(super) head_width: f64,
    pub(super) head_height: f64,
    /// Of a group: how far right of its middle edges reach and leave it.
    pub(super) top: f64,
    pub(super) bottom: f64,
}

/// An edge between two items.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) from: usize,
    pub(super) to: usize,
    /// Its number in the graph.
    pub(super) edge: usize,
    pub(super) label: (f64, f64),
    /// Whether it leaves a group by the side of its first box.
    pub(super) aside: bool,
}

/// Items and links; [`Level::lay_out`] places them.
#[derive(Debug, Default)]
pub(super) struct Level {
    pub(super) items: Vec<Item>,
    pub(super) links: Vec<Link>,
    /// The way of each link.
    pub(super) courses: Vec<Course>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// The ways of the links through the rows: their cells from the upper end to the lower one.
type Chains = Vec<Vec<usize>>;

impl Level {
    pub(super) fn lay_out(&mut self) {
        let reversed = self.reversed();
        let ranks = self.ranks(&reversed);
        let (rows, chains) = self.rows(&ranks, &reversed);
        let rows = rows.arranged();
        for (item, x) in self.items.iter_mut().zip(&rows.x) {
            item.x = *x;
        }
        let heights = self.set_heights(&ranks, &rows);
        self.courses = self.courses(&chains, &reversed, &ranks, &rows, &heights);
        self.fit();
    }

    /// Which links lead back to where the execution was before, and are drawn upwards.
    fn reversed(&self) -> Vec<bool> {
        let mut leaving: Vec<Vec<usize>> = vec![Vec::new(); self.items.len()];
        for (index, link) in self.links.iter().enumerate() {
            leaving[link.from].push(index);
        }
        let mut reversed = vec![false; self.links.len()];
        let (mut seen, mut open) = (vec![false; self.items.len()], vec![false; self.items.len()]);
        for start in 0..self.items.len() {
            if seen[start] {
                continue;
            }
            (seen[start], open[start]) = (true, true);
            let mut path = vec![(start, 0)];
            while let Some((item, next)) = path.last_mut() {
                let Some(link) = leaving[*item].get(*next).copied() else {
                    open[*item] = false;
                    path.pop();
                    continue;
                };
                *next += 1;
                let to = self.links[link].to;
                reversed[link] = open[to];
                if !seen[to] {
                    (seen[to], open[to]) = (true, true);
                    path.push((to, 0));
                }
            }
        }
        reversed
    }

    /// The upper and the lower end of a link; none where it leads to where it comes from.
    fn ends(&self, link: usize, reversed: &[bool]) -> Option<(usize, usize)> {
        let Link { from, to, .. } = self.links[link];
        match reversed[link] {
            _ if from == to => None,
            true => Some((to, from)),
            false => Some((from, to)),
        }
    }

    /// The row of each item: one below the lowest of those before it, two where a label stands
    /// between.
    fn ranks(&self, reversed: &[bool]) -> Vec<usize> {
        let count = self.items.len();
        let mut below: Vec<Vec<(usize, usize)>> = vec![Vec::new(); count];
        let mut awaited = vec![0_usize; count];
        for link in 0..self.links.len() {
            if let Some((upper, lower)) = self.ends(link, reversed) {
                let length = if self.links[link].label.0 > 0.0 { 2 } else { 1 };
                below[upper].push((lower, length));
                awaited[lower] += 1;
            }
        }
        let mut ranks = vec![0; count];
        let mut ready: Vec<usize> = (0..count).filter(|item| awaited[*item] == 0).collect();
        while let Some(item) = ready.pop() {
            for (lower, length) in &below[item] {
                ranks[*lower] = ranks[*lower].max(ranks[item] + length);
                awaited[*lower] -= 1;
                if awaited[*lower] == 0 {
                    ready.push(*lower);
                }
            }
        }
        // Where everything ends stands below everything.
        let lowest = ranks.iter().copied().max().unwrap_or(0);
        if let Some(last) = ranks.last_mut() {
            *last = lowest;
        }
        ranks
    }

    /// The rows with a cell for each item, and one for each row that a link passes.
    fn rows(&self, ranks: &[usize], reversed: &[bool]) -> (Rows, Chains) {
        let mut rows =
            Rows::new(self.items.iter().zip(ranks).map(|(item, rank)| (item.width, *rank)));
        let mut chains = Vec::with_capacity(self.links.len());
        for (index, link) in self.links.iter().enumerate() {
            let Some((upper, lower)) = self.ends(index, reversed) else {
                chains.push(Vec::new());
                continue;
            };
            let middle = (ranks[upper] + ranks[lower]) / 2;
            let mut chain = vec![upper];
            for rank in ranks[upper] + 1..ranks[lower] {
                let width = if rank == middle { link.label.0 } else { 0.0 };
                chain.push(rows.add_passage(width, rank));
            }
            chain.push(lower);
            for pair in chain.windows(2) {
                let (from, to) = (self.items.get(pair[0]), self.items.get(pair[1]));
                let from = from.map_or(0.0, |item| if link.aside { 0.0 } else { item.bottom });
                let to = to.map_or(0.0, |item| item.top);
                rows.connect(pair[0], pair[1], from, to);
            }
            chains.push(chain);
        }
        (rows, chains)
    }

    /// Places the items from above; answers the upper and lower side of each row.
    fn set_heights(&mut self, ranks: &[usize], rows: &Rows) -> Vec<(f64, f64)> {
        let mut heights = vec![0.0_f64; rows.rows.len()];
        let mut has_items = vec![false; rows.rows.len()];
        for (item, rank) in self.items.iter().zip(ranks) {
            heights[*rank] = heights[*rank].max(item.height);
            has_items[*rank] = true;
        }
        for link in &self.links {
            if link.label.1 > 0.0 {
                let rank = (ranks[link.from] + ranks[link.to]) / 2;
                heights[rank] = heights[rank].max(link.label.1);
            }
        }
        let mut sides = Vec::with_capacity(heights.len());
        let mut top = 0.0;
        for (rank, height) in heights.iter().enumerate() {
            sides.push((top, top + height));
            let both = has_items[rank] && has_items.get(rank + 1).copied().unwrap_or(false);
            top += height + if both { GAP } else { GAP / 2.0 };
        }
        for (item, rank) in self.items.iter_mut().zip(ranks) {
            item.y = sides[*rank].0 + item.height / 2.0;
        }
        sides
    }

    fn courses(
        &self,
        chains: &Chains,
        reversed: &[bool],
        ranks: &[usize],
        rows: &Rows,
        sides: &[(f64, f64)],
    ) -> Vec<Course> {
        let leaving = self.ports(chains, rows, |chain| (chain[0], chain[1]));
        let reaching =
            self.ports(chains, rows, |chain| (chain[chain.len() - 1], chain[chain.len() - 2]));
        let mut courses = Vec::with_capacity(chains.len());
        for (index, chain) in chains.iter().enumerate() {
            let link = &self.links[index];
            if chain.is_empty() {
                courses.push(self.loop_at(link));
                continue;
            }
            let (upper, lower) = (&self.items[chain[0]], &self.items[chain[chain.len() - 1]]);
            let mut points = match link.aside {
                true if !reversed[index] => upper.side(rows.x[chain[1]]),
                _ => upper.bottom(leaving[index]),
            };
            // Past what is taller beside it before it turns.
            let row = sides[ranks[chain[0]]].1;
            if let Some(last) = points.last().copied().filter(|last| last.y < row) {
                points.push(Point { x: last.x, y: row });
            }
            let mut label = None;
            for (cell, rank) in chain[1..chain.len() - 1].iter().zip(ranks[chain[0]] + 1..) {
                let (x, (top, bottom)) = (rows.x[*cell], sides[rank]);
                points.extend([Point { x, y: top }, Point { x, y: bottom }]);
                if rank == (ranks[link.from] + ranks[link.to]) / 2 && link.label.0 > 0.0 {
                    label = Some(Point { x, y: (top + bottom) / 2.0 });
                }
            }
            points.extend(match link.aside {
                true if reversed[index] => {
                    let from = rows.x[chain[chain.len() - 2]];
                    lower.side(from).into_iter().rev().collect()
                }
                _ => lower.top(reaching[index]),
            });
            if reversed[index] {
                points.reverse();
            }
            courses.push(Course { points, label });
        }
        courses
    }

    /// How far beside the middle of an item each link leaves or reaches it: in the order of where
    /// they come from, so that they do not cross.
    fn ports(
        &self,
        chains: &Chains,
        rows: &Rows,
        end: impl Fn(&[usize]) -> (usize, usize),
    ) -> Vec<f64> {
        let mut at: Vec<Vec<usize>> = vec![Vec::new(); self.items.len()];
        for (index, chain) in chains.iter().enumerate() {
            if chain.len() > 1 && !self.links[index].aside {
                at[end(chain).0].push(index);
            }
        }
        let mut ports = vec![0.0; chains.len()];
        for (item, mut links) in self.items.iter().zip(at) {
            if !item.wide {
                continue;
            }
            links.sort_by(|a, b| {
                let x = |link: &usize| rows.x[end(&chains[*link]).1];
                x(a).total_cmp(&x(b))
            });
            let count = links.len() as f64;
            let pitch = PITCH.min(item.width * 0.7 / count);
            for (place, link) in links.into_iter().enumerate() {
                ports[link] = (place as f64 - (count - 1.0) / 2.0) * pitch;
            }
        }
        ports
    }

    /// The way of a link that leads to where it comes from.
    fn loop_at(&self, link: &Link) -> Course {
        let item = &self.items[link.from];
        let (right, y) = (item.x + item.width / 2.0, item.y);
        let point = |x: f64, y: f64| Point { x: right + x, y };
        let points = vec![
            point(0.0, y - 10.0),
            point(26.0, y - 10.0),
            point(26.0, y + 10.0),
            point(0.0, y + 10.0),
        ];
        let label = (link.label.0 > 0.0).then(|| point(30.0 + link.label.0 / 2.0, y));
        Course { points, label }
    }

    /// Moves everything so that it begins at zero, and takes its measure.
    fn fit(&mut self) {
        let (mut left, mut right, mut bottom) = (f64::MAX, f64::MIN, 0.0_f64);
        for item in &self.items {
            left = left.min(item.x - item.width / 2.0);
            right = right.max(item.x + item.width / 2.0);
            bottom = bottom.max(item.y + item.height / 2.0);
        }
        for (link, course) in self.links.iter().zip(&self.courses) {
            for point in &course.points {
                (left, right) = (left.min(point.x), right.max(point.x));
            }
            if let Some(label) = course.label {
                left = left.min(label.x - link.label.0 / 2.0);
                right = right.max(label.x + link.label.0 / 2.0);
            }
        }
        if left > right {
            return;
        }
        self.items.iter_mut().for_each(|item| item.x -= left);
        for course in &mut self.courses {
            course.points.iter_mut().chain(&mut course.label).for_each(|point| point.x -= left);
        }
        (self.width, self.height) = (right - left, bottom);
    }
}

impl Item {
    /// The way out of it downwards.
    fn bottom(&self, port: f64) -> Vec<Point> {
        let x = self.x + self.bottom + port;
        let bottom = self.y + self.height / 2.0;
        match self.is_group {
            true => vec![Point { x, y: bottom - self.foot }, Point { x, y: bottom }],
            false => vec![Point { x, y: bottom }],
        }
    }

    /// The way into it from above.
    fn top(&self, port: f64) -> Vec<Point> {
        let x = self.x + self.top + port;
        let top = self.y - self.height / 2.0;
        match self.is_group {
            true => vec![Point { x, y: top }, Point { x, y: top + self.head }],
            false => vec![Point { x, y: top }],
        }
    }

    /// The way out of the first box of a group, along the side where `towards` is.
    fn side(&self, towards: f64) -> Vec<Point> {
        let sign = if towards < self.x { -1.0 } else { 1.0 };
        let top = self.y - self.height / 2.0;
        let y = top + self.head + self.head_height / 2.0;
        let edge = self.x + sign * (self.width / 2.0 + 10.0);
        vec![
            Point { x: self.x + self.top + sign * self.head_width / 2.0, y },
            Point { x: edge, y },
            Point { x: edge, y: self.y + self.height / 2.0 },
        ]
    }
}
