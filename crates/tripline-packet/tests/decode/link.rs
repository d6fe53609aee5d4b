//! One test for each link type and each header that stands between the link and IP.

use tripline_packet::{LinkType, Malformed, Packet};

use crate::build::{
    ARP, IPV4, IPV6, MPLS, PPPOE, SERVICE_VLAN, SRC_MAC, TCP, VLAN, cooked_v1, cooked_v2, ethernet,
    ipv4, ipv6, label, len16, ppp, pppoe, syn, syn_v4, syn_v6, tag,
};
use crate::reader::{Reader, read, why_skipped};

const ETHER: u16 = 1;
const LOOPBACK: u16 = 772;

fn v4() -> Vec<u8> {
    ipv4(TCP, &syn())
}

fn v6() -> Vec<u8> {
    ipv6(TCP, &syn())
}

#[track_caller]
fn is_syn_over_ethernet(frame: &[u8]) {
    let expected = Packet { src_mac: SRC_MAC, ..syn_v4(frame) };
    assert_eq!(read(LinkType::Ethernet, frame), expected);
}

#[test]
fn ethernet_carries_both_families() {
    is_syn_over_ethernet(&ethernet(IPV4, &v4()));
    let frame = ethernet(IPV6, &v6());
    let expected = Packet { src_mac: SRC_MAC, ..syn_v6(&frame) };
    assert_eq!(read(LinkType::Ethernet, &frame), expected);
}

#[test]
fn a_group_address_shows() {
    let mut frame = ethernet(IPV4, &v4());
    for (dst, is_group) in [(0x02, false), (0x01, true), (0x33, true), (0xff, true)] {
        frame[0] = dst;
        assert_eq!(read(LinkType::Ethernet, &frame).link_multicast, is_group, "{dst:#x}");
    }
}

#[test]
fn vlan_tags_of_every_kind() {
    for kind in [VLAN, SERVICE_VLAN, 0x9100, 0x9200] {
        is_syn_over_ethernet(&ethernet(kind, &tag(0x6064, IPV4, &v4())));
    }
    let frame = ethernet(VLAN, &tag(100, IPV6, &v6()));
    let expected = Packet { src_mac: SRC_MAC, ..syn_v6(&frame) };
    assert_eq!(read(LinkType::Ethernet, &frame), expected);
}

#[test]
fn two_and_three_tags() {
    let two = tag(100, VLAN, &tag(3, IPV4, &v4()));
    is_syn_over_ethernet(&ethernet(SERVICE_VLAN, &two));
    is_syn_over_ethernet(&ethernet(SERVICE_VLAN, &tag(1, SERVICE_VLAN, &two)));
}

#[test]
fn ieee_802_3_with_llc_and_snap() {
    for header in [
        &[0x06, 0x06, 0x03][..],
        &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0],
        &[0xaa, 0xaa, 3, 0, 0, 0xf8, 8, 0],
    ] {
        let payload = [header, &v4()].concat();
        let length = u16::from_be_bytes(len16(payload.len()));
        is_syn_over_ethernet(&ethernet(length, &payload));
    }
    let spanning_tree = [0x42, 0x42, 0x03, 0, 0, 0, 0];
    assert_eq!(why_skipped(LinkType::Ethernet, &ethernet(38, &spanning_tree)), "other_llc");
    let cisco_discovery = [0xaa, 0xaa, 0x03, 0, 0, 0x0c, 0x20, 0];
    assert_eq!(why_skipped(LinkType::Ethernet, &ethernet(38, &cisco_discovery)), "other_llc");
}

#[test]
fn mpls_labels_lead_to_either_family() {
    is_syn_over_ethernet(&ethernet(MPLS, &label(16, true, &v4())));
    is_syn_over_ethernet(&ethernet(MPLS, &label(16, false, &label(18, true, &v4()))));
    let frame = ethernet(0x8848, &label(2, true, &v6()));
    let expected = Packet { src_mac: SRC_MAC, ..syn_v6(&frame) };
    assert_eq!(read(LinkType::Ethernet, &frame), expected);
    let pseudowire = ethernet(MPLS, &label(16, true, &[0; 60]));
    assert_eq!(why_skipped(LinkType::Ethernet, &pseudowire), "other_mpls_payload");
}

#[test]
fn pppoe_over_ethernet_and_by_itself() {
    let session = pppoe(&ppp(0x21, &v4()));
    is_syn_over_ethernet(&ethernet(PPPOE, &session));
    is_syn_over_ethernet(&ethernet(VLAN, &tag(7, PPPOE, &session)));
    assert_eq!(read(LinkType::PppEther, &session), syn_v4(&session));
    let session = pppoe(&ppp(0x57, &v6()));
    assert_eq!(read(LinkType::PppEther, &session), syn_v6(&session));
}

#[test]
fn pppoe_discovery_is_passed_over() {
    let offer = [0x11, 0x07, 0, 1, 0, 0];
    assert_eq!(why_skipped(LinkType::PppEther, &offer), "pppoe_discovery");
    assert_eq!(why_skipped(LinkType::Ethernet, &ethernet(0x8863, &offer)), "pppoe_discovery");
}

#[test]
fn ppp_in_every_abbreviation() {
    for header in [&[0xff, 0x03, 0, 0x21][..], &[0, 0x21], &[0x21], &[0xff, 0x03, 0x21]] {
        let frame = [header, &v4()].concat();
        assert_eq!(read(LinkType::Ppp, &frame), syn_v4(&frame), "{header:x?}");
    }
    let frame = ppp(0x57, &v6());
    assert_eq!(read(LinkType::Ppp, &frame), syn_v6(&frame));
    let frame = ppp(0x0281, &label(16, true, &v4()));
    assert_eq!(read(LinkType::Ppp, &frame), syn_v4(&frame));
    assert_eq!(why_skipped(LinkType::Ppp, &ppp(0xc021, &[1, 1, 0, 4])), "ppp_control");
}

#[test]
fn cisco_hdlc() {
    for address in [0x0f, 0x8f] {
        let frame = [&[address, 0, 8, 0][..], &v4()].concat();
        assert_eq!(read(LinkType::Ppp, &frame), syn_v4(&frame));
    }
    let keepalive = [0x8f, 0, 0x80, 0x35, 0, 0, 0, 2];
    assert_eq!(why_skipped(LinkType::Ppp, &keepalive), "other_ether_type");
}

/// The first byte of a header with an address, and nothing behind it.
#[test]
fn a_serial_frame_of_one_byte_is_cut_short() {
    for address in [0xff, 0x0f, 0x8f] {
        let mut reader = Reader::default();
        assert_eq!(reader.frame(LinkType::Ppp, &[address]), Err(Malformed::TruncatedLink));
        let cut = reader.cut_frame(LinkType::Ppp, &[address], 64);
        assert_eq!(cut, Err(Malformed::SnapLength));
    }
}

#[test]
fn cooked_v1_with_an_address_of_ethernet_only() {
    let frame = cooked_v1(0, ETHER, IPV4, &v4());
    let expected = Packet { src_mac: SRC_MAC, ..syn_v4(&frame) };
    assert_eq!(read(LinkType::LinuxSll, &frame), expected);
    let frame = cooked_v1(0, LOOPBACK, IPV6, &v6());
    assert_eq!(read(LinkType::LinuxSll, &frame), syn_v6(&frame));
    let frame = cooked_v1(0, ETHER, VLAN, &tag(9, IPV4, &v4()));
    let expected = Packet { src_mac: SRC_MAC, ..syn_v4(&frame) };
    assert_eq!(read(LinkType::LinuxSll, &frame), expected);
}

#[test]
fn cooked_v2_with_an_address_of_ethernet_only() {
    let frame = cooked_v2(0, ETHER, IPV4, &v4());
    let expected = Packet { src_mac: SRC_MAC, ..syn_v4(&frame) };
    assert_eq!(read(LinkType::LinuxSll2, &frame), expected);
    let frame = cooked_v2(0, LOOPBACK, IPV6, &v6());
    assert_eq!(read(LinkType::LinuxSll2, &frame), syn_v6(&frame));
}

#[test]
fn cooked_headers_tell_broadcast_and_multicast() {
    // To us, broadcast, multicast, to others, sent by us.
    for (sent_to, is_group) in [(0, false), (1, true), (2, true), (3, false), (4, false)] {
        let frame = cooked_v1(u16::from(sent_to), ETHER, IPV4, &v4());
        assert_eq!(read(LinkType::LinuxSll, &frame).link_multicast, is_group);
        let frame = cooked_v2(sent_to, ETHER, IPV4, &v4());
        assert_eq!(read(LinkType::LinuxSll2, &frame).link_multicast, is_group);
    }
}

#[test]
fn cooked_frames_of_other_links_are_passed_over() {
    let radio = cooked_v1(0, 803, IPV4, &v4());
    assert_eq!(why_skipped(LinkType::LinuxSll, &radio), "other_link_type");
    let can = cooked_v1(0, 280, 0x000c, &[0; 16]);
    assert_eq!(why_skipped(LinkType::LinuxSll, &can), "other_ether_type");
    let spanning_tree = cooked_v2(2, ETHER, 4, &[0x42, 0x42, 3, 0, 0]);
    assert_eq!(why_skipped(LinkType::LinuxSll2, &spanning_tree), "other_llc");
}

#[test]
fn raw_ip_tells_itself_by_its_version() {
    let frame = v4();
    assert_eq!(read(LinkType::RawIp, &frame), syn_v4(&frame));
    let frame = v6();
    assert_eq!(read(LinkType::RawIp, &frame), syn_v6(&frame));
}

#[test]
fn loopback_in_both_byte_orders() {
    for family in [2u32.to_le_bytes(), 2u32.to_be_bytes()] {
        let frame = [&family[..], &v4()].concat();
        assert_eq!(read(LinkType::Null, &frame), syn_v4(&frame));
    }
    for family in [10u32, 23, 24, 28, 30] {
        for field in [family.to_le_bytes(), family.to_be_bytes()] {
            let frame = [&field[..], &v6()].concat();
            assert_eq!(read(LinkType::Null, &frame), syn_v6(&frame), "{field:?}");
        }
    }
    let osi = [&7u32.to_le_bytes()[..], &v4()].concat();
    assert_eq!(why_skipped(LinkType::Null, &osi), "other_address_family");
}

#[test]
fn what_is_not_ip_is_passed_over() {
    assert_eq!(why_skipped(LinkType::Ethernet, &ethernet(0x88cc, &[0; 46])), "other_ether_type");
    assert_eq!(why_skipped(LinkType::Other(147), &ethernet(ARP, &[0; 46])), "other_link_type");
}

#[test]
fn numbers_of_the_registry() {
    for (number, link) in [
        (0, LinkType::Null),
        (108, LinkType::Null),
        (1, LinkType::Ethernet),
        (9, LinkType::Ppp),
        (50, LinkType::Ppp),
        (104, LinkType::Ppp),
        (51, LinkType::PppEther),
        (12, LinkType::RawIp),
        (14, LinkType::RawIp),
        (101, LinkType::RawIp),
        (228, LinkType::RawIp),
        (229, LinkType::RawIp),
        (113, LinkType::LinuxSll),
        (276, LinkType::LinuxSll2),
        (105, LinkType::Other(105)),
    ] {
        assert_eq!(LinkType::from_number(number), link, "{number}");
    }
}
