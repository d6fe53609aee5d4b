//! The recorder's end of the way to the disk: frames are gathered in batches, so that the writer is
//! woken seldom and no memory is asked for per frame.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::block::RecordedInterface;
use super::shelf::Shelf;
use super::writer::{Batch, Order, Piece, Trouble, Writer};

/// See the module documentation.
#[derive(Debug)]
pub(super) struct Outbox {
    orders: Option<SyncSender<Order>>,
    empty: Receiver<Batch>,
    troubles: Receiver<Trouble>,
    thread: Option<JoinHandle<()>>,
    batch: Batch,
    /// Batches that were made, and how many there may be.
    made: usize,
    most: usize,
    lost: u64,
}

/// Bytes of a batch.
const BATCH: usize = 1 << 16;
/// Settings that may wait beside the batches.
const SETTINGS: usize = 64;

impl Outbox {
    /// Starts the writer. At most so many bytes wait for it.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub(super) fn start(
        folder: &Path,
        most: u64,
        interfaces: Vec<RecordedInterface>,
        comment: String,
        waiting: usize,
        retry: Duration,
    ) -> std::io::Result<Self> {
        let writer = Writer::new(Shelf::open(folder, most)?, interfaces, comment, retry);
        let batches = (waiting / BATCH).max(2);
        let (orders, to_do) = sync_channel(batches + SETTINGS);
        let (giver, empty) = channel();
        let (teller, troubles) = channel();
        let thread = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || writer.run(&to_do, &giver, &teller))?;
        Ok(Self {
            orders: Some(orders),
            empty,
            troubles,
            thread: Some(thread),
            batch: Batch::default(),
            made: 1,
            most: batches,
            lost: 0,
        })
    }

    /// Where the block of a frame is to be written, that has so many bytes; `None`: too much waits
    /// already, and the frame is lost.
    pub(super) fn frame(
        &mut self,
        recording: &Arc<str>,
        part: u32,
        bytes: usize,
    ) -> Option<&mut Vec<u8>> {
        if self.batch.bytes.len() + bytes > BATCH && !self.batch.bytes.is_empty() {
            self.send();
        }
        if self.batch.bytes.capacity() == 0 && !self.take_empty() {
            self.lost += 1;
            return None;
        }
        match self.batch.pieces.last_mut() {
            Some(last) if last.part == part && last.recording == *recording => {
                last.bytes += bytes;
                last.frames += 1;
            }
            _ => {
                let piece = Piece { recording: recording.clone(), part, bytes, frames: 1 };
                self.batch.pieces.push(piece);
            }
        }
        Some(&mut self.batch.bytes)
    }

    /// Hands over what is gathered.
    pub(super) fn send(&mut self) {
        if self.batch.bytes.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.batch);
        let frames: u64 = batch.pieces.iter().map(|piece| piece.frames).sum();
        let Some(orders) = &self.orders else {
            return;
        };
        if let Err(
            TrySendError::Full(Order::Frames(mut batch))
            | TrySendError::Disconnected(Order::Frames(mut batch)),
        ) = orders.try_send(Order::Frames(batch))
        {
            self.lost += frames;
            batch.bytes.clear();
            batch.pieces.clear();
            self.batch = batch;
        }
    }

    /// Hands over the settings of a recording, behind the frames that came before; `false` if too much
    /// waits already.
    pub(super) fn settings(&mut self, recording: &Arc<str>, text: String) -> bool {
        self.send();
        let order = Order::Settings { recording: recording.clone(), text };
        let sent = self.orders.as_ref().map(|orders| orders.try_send(order));
        !matches!(sent, Some(Err(TrySendError::Full(_))))
    }

    /// How writing goes, if there is news.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.troubles.try_recv().ok()
    }

    /// Frames that the disk was too slow for, since this was asked last.
    pub(super) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    fn take_empty(&mut self) -> bool {
        if let Ok(batch) = self.empty.try_recv() {
            self.batch = batch;
            return true;
        }
        let may_make = self.made <= self.most;
        if may_make {
            self.made += 1;
            self.batch.bytes.reserve_exact(BATCH);
        }
        may_make
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.send();
        // The thread ends when it has written what waits.
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
