//! A ring that the kernel fills with frames: `TPACKET_V3` (packet(7), `packet_mmap` of the kernel's
//! documentation).
//!
//! The ring is cut into blocks. The kernel hands a block over when it is full, or when it has been
//! open for [`Options::retire`]; we hand it back after its last frame. A frame is therefore lent
//! without a copy, and no system call is needed as long as there is something to read.

use std::io;
use std::mem::{offset_of, size_of};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;
use std::time::Duration;

use tripline_packet::{Frame, LinkType, Timestamp};

use super::filter::Filter;
use super::interface::{Interface, Medium};
use super::sys::{self, Shared};

/// How a ring is made.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes of a block; a multiple of the page size that holds the largest frame.
    pub block_size: u32,
    /// Blocks of the ring. All of them together are what can be in flight while we are busy.
    pub blocks: u32,
    /// After this time the kernel hands over a block that is not full. It is the least delay
    /// between a packet and what we say about it.
    pub retire: Duration,
    /// See frames for others, too: for a span port.
    pub promiscuous: bool,
    /// Rings with the same number share the packets of an interface between them by flow.
    pub fanout: Option<u16>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            block_size: 1 << 20,
            blocks: 32,
            retire: Duration::from_millis(20),
            promiscuous: false,
            fanout: None,
        }
    }
}

/// What the kernel counted since the ring was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Frames that passed the filter, those that were dropped among them.
    pub frames: u64,
    /// Frames for which there was no room.
    pub drops: u64,
    /// How often the ring was full.
    pub freezes: u64,
}

/// The ring of one interface.
#[derive(Debug)]
pub struct Ring {
    // Unmapped before it is closed.
    shared: Shared,
    socket: OwnedFd,
    interface: Interface,
    promiscuous: bool,
    block_size: usize,
    blocks: usize,
    /// The block that is read, or waited for.
    block: usize,
    /// Where the next frame of it lies, and how many there are still.
    next: usize,
    left: u32,
    statistics: Statistics,
}

/// Room for an 802.1Q tag, which the kernel takes off frames and we put back.
const TAG: usize = 4;
/// The two addresses before it.
const ADDRESSES: usize = 12;
/// `TPACKET_ALIGNMENT`.
const ALIGNMENT: usize = 16;
const BLOCK_HEADER: usize = 4 + 4; // version, offset_to_priv
const BLOCK_STATUS: usize = BLOCK_HEADER + offset_of!(libc::tpacket_hdr_v1, block_status);
const BLOCK_COUNT: usize = BLOCK_HEADER + offset_of!(libc::tpacket_hdr_v1, num_pkts);
const BLOCK_FIRST: usize = BLOCK_HEADER + offset_of!(libc::tpacket_hdr_v1, offset_to_first_pkt);

impl Ring {
    /// Opens the ring of an interface.
    ///
    /// # Errors
    /// The kernel refuses: most often because the right `CAP_NET_RAW` is missing.
    pub fn open(interface: &Interface, options: &Options, filter: &Filter) -> io::Result<Self> {
        let kind = match interface.medium {
            Medium::Ethernet => libc::SOCK_RAW,
            // The link header, if there is one, has no form that all such links share.
            Medium::Ip => libc::SOCK_DGRAM,
        };
        // No protocol yet: until it is bound, nothing comes in past the filter.
        let socket = sys::socket(libc::AF_PACKET, kind, 0)?;
        let fd = socket.as_fd();
        let set = |name, value: u32| sys::set_option(fd, libc::SOL_PACKET, name, &value);
        set(libc::PACKET_VERSION, libc::tpacket_versions::TPACKET_V3 as u32)?;
        set(libc::PACKET_RESERVE, TAG as u32)?;
        filter.attach(fd, interface.medium)?;
        let request = libc::tpacket_req3 {
            tp_block_size: options.block_size,
            tp_block_nr: options.blocks,
            // Frames have no fixed size in this version, but the kernel checks the sum.
            tp_frame_size: options.block_size,
            tp_frame_nr: options.blocks,
            tp_retire_blk_tov: options.retire.as_millis() as libc::c_uint,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        sys::set_option(fd, libc::SOL_PACKET, libc::PACKET_RX_RING, &request)?;
        let (block_size, blocks) = (options.block_size as usize, options.blocks as usize);
        let shared = Shared::map(fd, block_size * blocks)?;
        bind(fd, interface, options.promiscuous)?;
        if let Some(group) = options.fanout {
            let how = libc::PACKET_FANOUT_HASH | libc::PACKET_FANOUT_FLAG_DEFRAG;
            let group = u32::from(group) | how << 16;
            set(libc::PACKET_FANOUT, group)?;
        }
        Ok(Self {
            shared,
            socket,
            interface: interface.clone(),
            promiscuous: options.promiscuous,
            block_size,
            blocks,
            block: 0,
            next: 0,
            left: 0,
            statistics: Statistics::default(),
        })
    }

    /// Goes on with an interface that was taken away and is there again under another number. That
    /// takes no right, as opening a ring does.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn rebind(&mut self, interface: &Interface) -> io::Result<()> {
        bind(self.socket.as_fd(), interface, self.promiscuous)?;
        self.interface = interface.clone();
        Ok(())
    }

    /// The error that the socket waits to tell, if there is one; it is told once.
    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        let number: libc::c_int =
            sys::option(self.socket.as_fd(), libc::SOL_SOCKET, libc::SO_ERROR)?;
        Ok((number != 0).then(|| io::Error::from_raw_os_error(number)))
    }

    /// The interface.
    pub fn interface(&self) -> &Interface {
        &self.interface
    }

    /// Time of the next frame, if one is there.
    pub(crate) fn next_time(&mut self) -> Option<Timestamp> {
        self.ready().then(|| {
            let header = self.header();
            Timestamp::from_parts(header.tp_sec.into(), header.tp_nsec)
        })
    }

    /// The next frame, if one is there. It is lent until the ring is asked again.
    pub(crate) fn next_frame(&mut self) -> Option<Frame<'_>> {
        loop {
            if !self.ready() {
                return None;
            }
            let at = self.next;
            let header = self.header();
            self.left -= 1;
            self.next += header.tp_next_offset as usize;
            if self.outgoing_twice(at) {
                continue;
            }
            return Some(self.frame(at, &header));
        }
    }

    /// Whether a frame can be read. Hands a block back that has been read to its end.
    fn ready(&mut self) -> bool {
        loop {
            if self.left > 0 {
                return true;
            }
            let start = self.block * self.block_size;
            let status = self.shared.word(start + BLOCK_STATUS);
            if self.next > start {
                // Its last frame was lent, and is given back with this call.
                status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
                self.block = (self.block + 1) % self.blocks;
                self.next = 0;
                continue;
            }
            if status.load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
                return false;
            }
            self.left = self.shared.word(start + BLOCK_COUNT).load(Ordering::Relaxed);
            let first = self.shared.word(start + BLOCK_FIRST).load(Ordering::Relaxed);
            self.next = start + first as usize;
        }
    }

    /// The header of the next frame.
    #[expect(unsafe_code, reason = "the kernel shares the memory")]
    fn header(&self) -> libc::tpacket3_hdr {
        // SAFETY: `ready` saw that the block is ours.
        let bytes = unsafe { self.shared.bytes(self.next, size_of::<libc::tpacket3_hdr>()) };
        // SAFETY: the bytes are as many as the structure has, which is one of integers.
        unsafe { bytes.as_ptr().cast::<libc::tpacket3_hdr>().read_unaligned() }
    }

    /// On the loopback, every frame comes once as sent and once as received.
    #[expect(unsafe_code, reason = "the kernel shares the memory")]
    fn outgoing_twice(&self, at: usize) -> bool {
        let address = at + size_of::<libc::tpacket3_hdr>().next_multiple_of(ALIGNMENT);
        let at = address + offset_of!(libc::sockaddr_ll, sll_pkttype);
        // SAFETY: `ready` saw that the block is ours; the address lies behind the header.
        self.interface.loopback && unsafe { self.shared.bytes(at, 1) } == [libc::PACKET_OUTGOING]
    }

    #[expect(unsafe_code, reason = "the kernel shares the memory")]
    fn frame(&mut self, at: usize, header: &libc::tpacket3_hdr) -> Frame<'_> {
        let (mut start, mut length) = (at + usize::from(header.tp_mac), header.tp_snaplen as usize);
        let mut wire_len = header.tp_len;
        let link = self.interface.medium.link();
        let tagged = header.tp_status & libc::TP_STATUS_VLAN_VALID != 0;
        if tagged && link == LinkType::Ethernet && length >= ADDRESSES {
            start -= TAG;
            length += TAG;
            wire_len += TAG as u32;
            let kind = match header.tp_status & libc::TP_STATUS_VLAN_TPID_VALID {
                0 => libc::ETH_P_8021Q as u16,
                _ => header.hv1.tp_vlan_tpid,
            };
            // SAFETY: the block is ours, and `PACKET_RESERVE` keeps these bytes before the frame.
            let frame = unsafe { self.shared.bytes_mut(start, length) };
            frame.copy_within(TAG..TAG + ADDRESSES, 0);
            frame[ADDRESSES..ADDRESSES + 2].copy_from_slice(&kind.to_be_bytes());
            let control = header.hv1.tp_vlan_tci as u16;
            frame[ADDRESSES + 2..ADDRESSES + TAG].copy_from_slice(&control.to_be_bytes());
        }
        Frame {
            time: Timestamp::from_parts(header.tp_sec.into(), header.tp_nsec),
            link,
            wire_len,
            // SAFETY: the block is ours until `ready` hands it back, which takes `&mut self`.
            data: unsafe { self.shared.bytes(start, length) },
        }
    }

    /// What the kernel counted since the ring was opened.
    ///
    /// # Errors
    /// The socket is gone.
    pub fn statistics(&mut self) -> io::Result<Statistics> {
        // Asking sets the kernel's counters to zero.
        let new: libc::tpacket_stats_v3 =
            sys::option(self.socket.as_fd(), libc::SOL_PACKET, libc::PACKET_STATISTICS)?;
        self.statistics.frames += u64::from(new.tp_packets);
        self.statistics.drops += u64::from(new.tp_drops);
        self.statistics.freezes += u64::from(new.tp_freeze_q_cnt);
        Ok(self.statistics)
    }
}

fn bind(fd: BorrowedFd<'_>, interface: &Interface, promiscuous: bool) -> io::Result<()> {
    if promiscuous {
        // The kernel counts who asks for it; the last one to leave turns it off.
        let membership = libc::packet_mreq {
            mr_ifindex: interface.index.cast_signed(),
            mr_type: libc::PACKET_MR_PROMISC as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        sys::set_option(fd, libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &membership)?;
    }
    sys::bind_packet(fd, interface.index)
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
