//! A count of HTTP/2 frames before h2 sees them (RFC 9113): budgets for control frames and streams.
//!
//! h2 closes on rapid reset, CONTINUATION and HPACK floods itself; SETTINGS, PING, PRIORITY, WINDOW_UPDATE and the like
//! have no bound there. Each client gets a budget that refills with the work it really asks for and with time.

/// Why the connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameRefusal {
    /// No HTTP/2 preface.
    Preface,
    /// Frames that carry no work came faster than the budget refills.
    ControlFlood,
    /// More streams than one connection may open in its life.
    TooManyStreams,
    /// More streams were reset by the client than finished.
    ResetFlood,
}

impl FrameRefusal {
    pub const fn code(self) -> &'static str {
        match self {
            FrameRefusal::Preface => "h2.preface",
            FrameRefusal::ControlFlood => "h2.control_flood",
            FrameRefusal::TooManyStreams => "h2.too_many_streams",
            FrameRefusal::ResetFlood => "h2.reset_flood",
        }
    }
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADER_BYTES: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const CONTINUATION: u8 = 9;

const FLAG_END_STREAM: u8 = 1;
const FLAG_END_HEADERS: u8 = 4;

/// Bounds of one connection.
#[derive(Clone, Copy, Debug)]
pub struct FrameLimits {
    /// Control frames a client may send ahead of work.
    pub control_budget: u32,
    /// Control frames it gains back in a second.
    pub control_refill_per_second: u32,
    /// Streams in the life of a connection; then it is drained with GOAWAY.
    pub streams: u32,
    /// Streams a client may reset, beyond half of those it opened.
    pub resets: u32,
}

impl Default for FrameLimits {
    fn default() -> Self {
        FrameLimits { control_budget: 400, control_refill_per_second: 50, streams: 10_000, resets: 100 }
    }
}

/// Follows one connection's inbound frames.
#[derive(Debug)]
pub struct Frames {
    limits: FrameLimits,
    preface_left: usize,
    header: [u8; HEADER_BYTES],
    header_filled: usize,
    payload_left: usize,
    budget: u32,
    refilled_at_ms: u64,
    opened: u32,
    reset: u32,
    /// Frames that asked for something: HEADERS, and DATA with bytes in it.
    worked: u64,
    /// A header block was begun and not ended.
    block_open: bool,
    in_data: bool,
}

/// What the frames lead to, for the clock that watches slow clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FramesPhase {
    /// The preface and the first SETTINGS are through.
    pub established: bool,
    pub header_block_open: bool,
    /// The client is in the middle of a frame that is no DATA: bodies have a pace of their own.
    pub mid_frame: bool,
}

impl Frames {
    pub const fn new(limits: FrameLimits) -> Self {
        Frames {
            limits,
            preface_left: PREFACE.len(),
            header: [0; HEADER_BYTES],
            header_filled: 0,
            payload_left: 0,
            budget: limits.control_budget,
            refilled_at_ms: 0,
            opened: 0,
            reset: 0,
            worked: 0,
            block_open: false,
            in_data: false,
        }
    }

    pub const fn phase(&self) -> FramesPhase {
        FramesPhase {
            established: self.preface_left == 0,
            header_block_open: self.block_open,
            mid_frame: self.header_filled > 0 || (self.payload_left > 0 && !self.in_data),
        }
    }

    /// Grows with each frame that asks for something.
    pub const fn worked(&self) -> u64 {
        self.worked
    }

    /// Whether the connection has had its share of streams and shall be drained.
    pub const fn is_spent(&self) -> bool {
        self.opened >= self.limits.streams
    }

    /// Reads on; `now_ms` is any clock that does not go back.
    pub fn read(&mut self, mut bytes: &[u8], now_ms: u64) -> Result<(), FrameRefusal> {
        while let Some(&first) = bytes.first() {
            if self.preface_left > 0 {
                let at = PREFACE.len() - self.preface_left;
                if PREFACE.get(at) != Some(&first) {
                    return Err(FrameRefusal::Preface);
                }
                self.preface_left -= 1;
                bytes = bytes.get(1..).unwrap_or_default();
            } else if self.payload_left > 0 {
                let taken = self.payload_left.min(bytes.len());
                self.payload_left -= taken;
                bytes = bytes.get(taken..).unwrap_or_default();
            } else {
                if let Some(slot) = self.header.get_mut(self.header_filled) {
                    *slot = first;
                }
                self.header_filled += 1;
                bytes = bytes.get(1..).unwrap_or_default();
                if self.header_filled == HEADER_BYTES {
                    self.header_filled = 0;
                    self.frame(now_ms)?;
                }
            }
        }
        Ok(())
    }

    fn frame(&mut self, now_ms: u64) -> Result<(), FrameRefusal> {
        let [l0, l1, l2, kind, flags, ..] = self.header;
        let length = usize::from(l0) << 16 | usize::from(l1) << 8 | usize::from(l2);
        self.payload_left = length;
        self.in_data = kind == DATA;
        match kind {
            HEADERS => {
                self.opened = self.opened.saturating_add(1);
                self.block_open = flags & FLAG_END_HEADERS == 0;
                // Twice the bound: up to the bound the connection is drained, beyond it the client ignores GOAWAY.
                if self.opened > self.limits.streams.saturating_mul(2) {
                    return Err(FrameRefusal::TooManyStreams);
                }
                self.earn(1);
                Ok(())
            }
            CONTINUATION => {
                self.block_open = flags & FLAG_END_HEADERS == 0;
                self.spend(now_ms)
            }
            DATA if length > 0 || flags & FLAG_END_STREAM != 0 => {
                self.earn(1);
                Ok(())
            }
            RST_STREAM => {
                self.reset = self.reset.saturating_add(1);
                if self.reset > self.limits.resets.saturating_add(self.opened / 2) {
                    return Err(FrameRefusal::ResetFlood);
                }
                self.spend(now_ms)
            }
            // SETTINGS, PING, PRIORITY, WINDOW_UPDATE, GOAWAY, empty DATA and kinds we do not know.
            _ => self.spend(now_ms),
        }
    }

    /// Honest work pays for two control frames: an acknowledgement and a window update.
    fn earn(&mut self, work: u32) {
        self.worked += u64::from(work);
        self.budget = self.budget.saturating_add(work * 2).min(self.limits.control_budget);
    }

    fn spend(&mut self, now_ms: u64) -> Result<(), FrameRefusal> {
        let seconds = now_ms.saturating_sub(self.refilled_at_ms) / 1_000;
        if seconds > 0 {
            self.refilled_at_ms = now_ms;
            let gain = u32::try_from(seconds)
                .unwrap_or(u32::MAX)
                .saturating_mul(self.limits.control_refill_per_second);
            self.budget = self.budget.saturating_add(gain).min(self.limits.control_budget);
        }
        self.budget = self.budget.checked_sub(1).ok_or(FrameRefusal::ControlFlood)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let mut out = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
        out.extend([kind, flags]);
        out.extend(stream.to_be_bytes());
        out.extend(payload);
        out
    }

    fn established() -> Frames {
        let mut frames = Frames::new(FrameLimits::default());
        frames.read(PREFACE, 0).unwrap();
        frames
    }

    fn send_many(frames: &mut Frames, count: u32, frame: &[u8]) -> Result<(), FrameRefusal> {
        (0..count).try_for_each(|_| frames.read(frame, 0))
    }

    #[test]
    fn floods_of_frames_without_work_are_cut() {
        for kind in [2, 4, 6, 8, 11, 200] {
            let flood = frame(kind, 0, 0, &[0; 8]);
            assert_eq!(send_many(&mut established(), 400, &flood), Ok(()));
            assert_eq!(send_many(&mut established(), 401, &flood), Err(FrameRefusal::ControlFlood));
        }
        let empty_data = frame(DATA, 0, 1, b"");
        assert_eq!(send_many(&mut established(), 401, &empty_data), Err(FrameRefusal::ControlFlood));
    }

    #[test]
    fn work_and_time_refill() {
        let mut frames = established();
        for _ in 0..2_000 {
            frames.read(&frame(DATA, 0, 1, b"x"), 0).unwrap();
            frames.read(&frame(8, 0, 0, &[0; 4]), 0).unwrap();
        }
        for second in 0..100 {
            for _ in 0..50 {
                frames.read(&frame(6, 0, 0, &[0; 8]), second * 1_000).unwrap();
            }
        }
    }

    #[test]
    fn rapid_reset_is_cut() {
        let mut frames = established();
        let pair = [frame(HEADERS, 5, 1, b"x"), frame(RST_STREAM, 0, 1, &[0; 4])].concat();
        assert_eq!(send_many(&mut frames, 150, &pair), Ok(()));
        assert_eq!(send_many(&mut frames, 200, &pair), Err(FrameRefusal::ResetFlood));
    }

    #[test]
    fn the_cut_of_the_reads_does_not_matter() {
        let bytes = [PREFACE.to_vec(), frame(4, 0, 0, &[0; 12]), frame(HEADERS, 1, 1, b"abc")].concat();
        let mut frames = Frames::new(FrameLimits::default());
        for byte in &bytes {
            frames.read(std::slice::from_ref(byte), 0).unwrap();
        }
        let phase = frames.phase();
        assert!(phase.established && phase.header_block_open && !phase.mid_frame);
    }

    #[test]
    fn a_wrong_preface_is_refused() {
        let mut frames = Frames::new(FrameLimits::default());
        assert_eq!(frames.read(b"GET / HTTP/1.1\r\n", 0), Err(FrameRefusal::Preface));
    }
}
