//! The executions of an account, by their ids: found at once, forgotten without a trace.

use std::ops::{Index, IndexMut};

use super::{ExecutionId, Record};

/// Executions of one chunk. A chunk whose executions are all forgotten is freed, so that what
/// remains of a million of them is a few kilobytes.
const CHUNK: usize = 256;

/// Executions that are forgotten, to be freed: which takes time that others need not wait for.
pub type Forgotten = Vec<Box<Record>>;

/// All executions that are known. Ids count up and are never given twice.
#[derive(Debug, Default)]
pub struct Records {
    chunks: Vec<Option<Chunk>>,
    started: u32,
    known: usize,
}

#[derive(Debug)]
struct Chunk {
    /// As many as were started, at most [`CHUNK`]; `None` where one is forgotten.
    slots: Vec<Option<Box<Record>>>,
    known: usize,
}

impl Records {
    /// The id that the next execution gets.
    pub(super) fn next_id(&self) -> ExecutionId {
        ExecutionId(self.started)
    }

    /// Takes the ids below this one for given: those that are not known are forgotten.
    pub(super) fn leave_out(&mut self, next: ExecutionId) {
        while self.started < next.0 {
            if (self.started as usize).is_multiple_of(CHUNK) {
                self.chunks.push(None);
            }
            self.started += 1;
        }
    }

    pub(super) fn push(&mut self, record: Box<Record>) -> ExecutionId {
        let id = self.next_id();
        if (id.0 as usize).is_multiple_of(CHUNK) {
            self.chunks.push(None);
        }
        if let Some(chunk) = self.chunks.last_mut() {
            let chunk = chunk.get_or_insert_with(|| Chunk { slots: Vec::new(), known: 0 });
            // The chunk may have been freed while it was not full.
            chunk.slots.resize_with(id.0 as usize % CHUNK, || None);
            chunk.slots.push(Some(record));
            chunk.known += 1;
        }
        self.started += 1;
        self.known += 1;
        id
    }

    pub(super) fn remove(&mut self, id: ExecutionId) -> Option<Box<Record>> {
        let chunk = self.chunks.get_mut(id.0 as usize / CHUNK)?;
        let inner = chunk.as_mut()?;
        let record = inner.slots.get_mut(id.0 as usize % CHUNK)?.take()?;
        inner.known -= 1;
        if inner.known == 0 {
            *chunk = None;
        }
        self.known -= 1;
        Some(record)
    }

    /// The execution with this id, unless it is forgotten.
    pub fn find(&self, id: ExecutionId) -> Option<&Record> {
        let chunk = self.chunks.get(id.0 as usize / CHUNK)?.as_ref()?;
        chunk.slots.get(id.0 as usize % CHUNK)?.as_deref()
    }

    pub(super) fn find_mut(&mut self, id: ExecutionId) -> Option<&mut Record> {
        let chunk = self.chunks.get_mut(id.0 as usize / CHUNK)?.as_mut()?;
        chunk.slots.get_mut(id.0 as usize % CHUNK)?.as_deref_mut()
    }

    /// Those that are known, in the order in which they started.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Record> {
        let slots = self.chunks.iter().flatten().flat_map(|chunk| &chunk.slots);
        slots.filter_map(Option::as_deref)
    }

    /// Those that are known and started before this one, or all of them, the newest first.
    pub fn before(&self, id: Option<ExecutionId>) -> impl Iterator<Item = &Record> {
        let end = id.map_or(self.started, |id| id.0.min(self.started)) as usize;
        let chunks = self.chunks.iter().take(end.div_ceil(CHUNK)).enumerate().rev();
        let chunks = chunks.filter_map(|(at, chunk)| Some((at, chunk.as_ref()?)));
        chunks
            .flat_map(move |(at, chunk)| chunk.slots.iter().take(end - at * CHUNK).rev())
            .filter_map(Option::as_deref)
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.known
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.known == 0
    }

    /// All that are known, taken out one by one, in the order in which they started.
    pub fn into_records(self) -> impl Iterator<Item = Record> {
        let slots = self.chunks.into_iter().flatten().flat_map(|chunk| chunk.slots);
        slots.flatten().map(|record| *record)
    }
}

impl Index<ExecutionId> for Records {
    type Output = Record;

    /// # Panics
    ///
    /// Where the execution is forgotten, or none of this account.
    fn index(&self, id: ExecutionId) -> &Record {
        match self.find(id) {
            Some(record) => record,
            None => panic!("the execution {} is not known", id.0),
        }
    }
}

impl IndexMut<ExecutionId> for Records {
    fn index_mut(&mut self, id: ExecutionId) -> &mut Record {
        match self.find_mut(id) {
            Some(record) => record,
            None => panic!("the execution {} is not known", id.0),
        }
    }
}
