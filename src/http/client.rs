//! Who is at the other end of a connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::app::App;
use crate::config::Network;
use crate::error::Error;

/// The client's address. Only what trusted proxies say about it is believed.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub IpAddr);

impl FromRequestParts<App> for ClientAddress {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip());
        Ok(Self(client_address(peer, &parts.headers, &app.config.server.trusted_proxies)))
    }
}

/// The IPv6 network of so many bits that an address is in; an IPv4 address is taken whole. A household has
/// one IPv4 address, or an IPv6 network of 64 bits, and a business or an attacker often one of 48.
pub fn network(address: IpAddr, bits: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(bits)).unwrap_or(0);
            Ipv6Addr::from_bits(ip.to_bits() & mask).into()
        }
        ip @ IpAddr::V4(_) => ip,
    }
}

/// Reads `X-Forwarded-For` from the right: every hop that is a trusted proxy may name the one before it.
pub(crate) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer.to_canonical();
    let forwarded: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect();
    let hops =
        forwarded.iter().flat_map(|value| value.split(',')).map(str::trim).rev().map(str::parse::<IpAddr>);
    for hop in hops {
        let Ok(hop) = hop else { break };
        if !is_trusted(client) {
            break;
        }
        client = hop.to_canonical();
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &str, trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", forwarded.parse().unwrap());
        let trusted: Vec<_> =
            trusted.iter().map(|text| Network::try_from((*text).to_owned()).unwrap()).collect();
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn l4_addresses_of_one_network_are_one() {
        let network = |address: &str, bits| super::network(address.parse().unwrap(), bits).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6", 64), "2001:db8:1:2::");
        assert_eq!(network("2001:db8:1:2:3:4:5:6", 48), "2001:db8:1::");
        assert_eq!(network("203.0.113.9", 48), "203.0.113.9");
        assert_eq!(network("::ffff:203.0.113.9", 64), "203.0.113.9");
    }

    #[test]
    fn b6_forwarded_headers_count_only_from_trusted_proxies() {
        assert_eq!(seen("203.0.113.9", "1.2.3.4", &[]), "203.0.113.9");
        assert_eq!(seen("10.0.0.1", "1.2.3.4", &["10.0.0.0/8"]), "1.2.3.4");
        // What the client wrote itself stands to the left of what the proxy saw.
        assert_eq!(seen("10.0.0.1", "6.6.6.6, 1.2.3.4", &["10.0.0.0/8"]), "1.2.3.4");
        assert_eq!(seen("10.0.0.1", "1.2.3.4, 10.0.0.7", &["10.0.0.0/8"]), "1.2.3.4");
        assert_eq!(seen("10.0.0.1", "nonsense", &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(seen("::ffff:10.0.0.1", "1.2.3.4", &["10.0.0.0/8"]), "1.2.3.4");
    }
}
