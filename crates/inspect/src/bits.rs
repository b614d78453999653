//! A fixed set of small numbers.

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Bits {
    words: Vec<u64>,
    capacity: usize,
}

impl Bits {
    pub fn new(capacity: usize) -> Bits {
        Bits { words: vec![0; capacity.div_ceil(64)], capacity }
    }

    pub fn capacity(&self) -> usize {
        self.capacity
    }

    pub fn set(&mut self, index: usize) {
        if let Some(word) = self.words.get_mut(index / 64) {
            *word |= 1 << (index % 64);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    pub fn copy_from(&mut self, other: &Bits) {
        self.words.clone_from(&other.words);
        self.capacity = other.capacity;
    }

    pub fn clear(&mut self) {
        self.words.iter_mut().for_each(|word| *word = 0);
    }

    pub fn keep(&mut self, other: &Bits) {
        self.words.iter_mut().zip(&other.words).for_each(|(mine, theirs)| *mine &= theirs);
    }

    pub fn add(&mut self, other: &Bits) {
        self.words.iter_mut().zip(&other.words).for_each(|(mine, theirs)| *mine |= theirs);
    }

    pub fn remove(&mut self, other: &Bits) {
        self.words.iter_mut().zip(&other.words).for_each(|(mine, theirs)| *mine &= !theirs);
    }

    pub fn meets(&self, other: &Bits) -> bool {
        self.words.iter().zip(&other.words).any(|(mine, theirs)| mine & theirs != 0)
    }

    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros();
                left &= left.checked_sub(1)?;
                Some(index * 64 + usize::try_from(bit).unwrap_or(0))
            })
        })
    }
}
