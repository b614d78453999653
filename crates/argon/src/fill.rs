//! The memory: its first blocks, the passes over it, and the tag that comes of it (RFC 9106 sections 3.2 and 3.4).

use fearless_simd::Level;
use zeroize::{Zeroize, Zeroizing};

use crate::block::{BYTES, Block, WORDS, compress};
use crate::long::long;
use crate::{Kind, Params};

/// So many blocks are filled between two calls of `give_way`: some 20 us, of which the call is to take no more than a few
/// hundredths (sched_yield(2) where nobody else wants the core: 0.3 us).
pub const STRETCH: usize = 64;
/// Segments of a lane: in between, lanes may read of each other.
const SLICES: usize = 4;

/// Lengths in blocks.
#[derive(Clone, Copy)]
struct Layout {
    lanes: usize,
    lane: usize,
    segment: usize,
}

/// Where the work stands.
#[derive(Clone, Copy)]
struct Position {
    pass: u32,
    slice: usize,
    lane: usize,
}

impl Layout {
    fn of(params: &Params) -> Self {
        let lanes = usize::try_from(params.lanes).unwrap_or(usize::MAX);
        let lane = params.blocks() / lanes;
        Layout { lanes, lane, segment: lane / SLICES }
    }
}

pub fn first_two_of_each_lane(params: &Params, digest: &[u8; 64], memory: &mut [Block]) {
    let layout = Layout::of(params);
    let mut bytes = Zeroizing::new([0; BYTES]);
    for (lane, blocks) in (0_u32..).zip(memory.chunks_exact_mut(layout.lane)) {
        for (i, block) in (0_u32..2).zip(blocks) {
            long(&[digest, &i.to_le_bytes(), &lane.to_le_bytes()], &mut *bytes);
            block.read(&bytes);
        }
    }
}

pub fn fill(params: &Params, memory: &mut [Block], give_way: &mut dyn FnMut()) {
    let layout = Layout::of(params);
    let level = Level::new();
    for pass in 0..params.passes {
        for slice in 0..SLICES {
            for lane in 0..layout.lanes {
                let addresses = Addresses::new(level, params, Position { pass, slice, lane });
                fill_segment(addresses, layout, memory, give_way);
            }
        }
    }
}

fn fill_segment(mut addresses: Addresses, layout: Layout, memory: &mut [Block], give_way: &mut dyn FnMut()) {
    let (level, at) = (addresses.level, addresses.at);
    let first = if at.pass == 0 && at.slice == 0 { 2 } else { 0 };
    let start = at.lane * layout.lane;
    for i in first..layout.segment {
        if i % STRETCH == 0 {
            give_way();
        }
        let place = at.slice * layout.segment + i;
        let current = start + place;
        let previous = start + (place + layout.lane - 1) % layout.lane;
        let random = addresses.of(i).unwrap_or(memory[previous].words()[0]);
        let block = compress(level, &memory[previous], &memory[layout.reference(at, i, random)]);
        match at.pass {
            0 => memory[current] = block,
            _ => memory[current].xor(&block),
        }
    }
}

impl Layout {
    /// Which block is read beside the previous one, by the 64 bits that chance or the password gave (RFC 9106 section 3.4.2).
    fn reference(self, at: Position, i: usize, random: u64) -> usize {
        let (low, high) = (random & 0xffff_ffff, random >> 32);
        let lane = if at.pass == 0 && at.slice == 0 { at.lane } else { below(high, self.lanes) };
        // What is complete: three segments, or at first those that are there, and of the own lane what is done of this one. Never the previous block.
        let complete = if at.pass == 0 { at.slice * self.segment } else { self.lane - self.segment };
        let many = match lane == at.lane {
            true => complete + i - 1,
            false => complete - usize::from(i == 0),
        };
        // The later ones are likelier: the square of a number between 0 and 1, from the end.
        let square = (low * low) >> 32;
        let back = (u128::from(square) * many as u128) >> 32;
        let relative = many - 1 - usize::try_from(back).unwrap_or(0);
        let begin = if at.pass == 0 || at.slice == SLICES - 1 { 0 } else { (at.slice + 1) * self.segment };
        lane * self.lane + (begin + relative) % self.lane
    }
}

fn below(number: u64, many: usize) -> usize {
    u64::try_from(many).ok().and_then(|many| usize::try_from(number % many).ok()).unwrap_or(0)
}

/// Numbers that choose which blocks are read without a look at the password (RFC 9106 section 3.4.1.2).
struct Addresses {
    level: Level,
    at: Position,
    /// None where the memory itself chooses.
    input: Option<Block>,
    block: Block,
    /// Which block of addresses that is, from one; zero before the first.
    counter: u64,
}

impl Addresses {
    fn new(level: Level, params: &Params, at: Position) -> Self {
        let independent = match params.kind {
            Kind::I => true,
            Kind::Id => at.pass == 0 && at.slice < SLICES / 2,
        };
        let number = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        let input = independent.then(|| {
            let mut input = Block::new();
            let (pass, lane, slice) = (u64::from(at.pass), number(at.lane), number(at.slice));
            let (blocks, passes, kind) =
                (number(params.blocks()), u64::from(params.passes), params.kind as u64);
            input.words_mut()[..6].copy_from_slice(&[pass, lane, slice, blocks, passes, kind]);
            input
        });
        Addresses { level, at, input, block: Block::new(), counter: 0 }
    }

    /// The number for the segment's block `i`; none where the memory itself chooses.
    fn of(&mut self, i: usize) -> Option<u64> {
        let input = self.input.as_mut()?;
        let counter = u64::try_from(i / WORDS).unwrap_or(u64::MAX) + 1;
        if counter != self.counter {
            self.counter = counter;
            input.words_mut()[6] = counter;
            let zero = Block::new();
            self.block = compress(self.level, &zero, &compress(self.level, &zero, input));
        }
        Some(self.block.words()[i % WORDS])
    }
}

/// The last blocks of all lanes, one over the other, become the tag.
pub fn finish(params: &Params, memory: &[Block], tag: &mut [u8]) {
    let layout = Layout::of(params);
    let mut all = Block::new();
    for lane in memory.chunks_exact(layout.lane) {
        if let Some(last) = lane.last() {
            all.xor(last);
        }
    }
    let mut bytes = Zeroizing::new([0; BYTES]);
    all.write(&mut bytes);
    all.zeroize();
    long(&[&bytes[..]], tag);
}
