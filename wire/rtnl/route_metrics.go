package rtnl

import (
	"github.com/nlscript/nlscript/wire"
	"golang.org/x/sys/unix"
)

// routeMetrics is the content of RTA_METRICS (net/ipv4/metrics.c). A metric of
// zero is the kernel's default and is not reported.
var routeMetrics = &wire.Table{
	Name: "metrics",
	Doc:  "metrics of a route",
	Fields: []wire.Field{
		{Name: "mtu", Type: unix.RTAX_MTU, Kind: wire.U32, Doc: "path MTU; at most 65520 is kept"},
		{Name: "window", Type: unix.RTAX_WINDOW, Kind: wire.U32, Doc: "largest TCP window to advertise, bytes"},
		{Name: "rtt", Type: unix.RTAX_RTT, Kind: wire.U32, Time: 8000, Doc: "initial round trip time"},
		{Name: "rttvar", Type: unix.RTAX_RTTVAR, Kind: wire.U32, Time: 4000, Doc: "initial variance of the round trip time"},
		{Name: "ssthresh", Type: unix.RTAX_SSTHRESH, Kind: wire.U32, Doc: "initial slow start threshold"},
		{Name: "cwnd", Type: unix.RTAX_CWND, Kind: wire.U32, Doc: "clamp of the congestion window; ignored unless locked"},
		{Name: "advmss", Type: unix.RTAX_ADVMSS, Kind: wire.U32, Doc: "TCP MSS to advertise; at most 65495 is kept"},
		{Name: "reordering", Type: unix.RTAX_REORDERING, Kind: wire.U32, Doc: "how much reordering to expect on this path"},
		{Name: "hoplimit", Type: unix.RTAX_HOPLIMIT, Kind: wire.U32, Doc: "hop limit of packets sent; at most 255 is kept"},
		{Name: "initcwnd", Type: unix.RTAX_INITCWND, Kind: wire.U32, Doc: "initial congestion window, segments"},
		{Name: "features", Type: unix.RTAX_FEATURES, Kind: wire.U32, Bits: true, Words: metricFeatures, Doc: "features to enable for connections on this route"},
		{Name: "rto_min", Type: unix.RTAX_RTO_MIN, Kind: wire.U32, Time: 1000, Doc: "smallest retransmission timeout; locks itself, without a lock it has no effect"},
		{Name: "initrwnd", Type: unix.RTAX_INITRWND, Kind: wire.U32, Doc: "initial receive window, segments"},
		{Name: "quickack", Type: unix.RTAX_QUICKACK, Kind: wire.U32, Doc: "1 acknowledges at once"},
		{Name: "congctl", Type: unix.RTAX_CC_ALGO, Kind: wire.Text, Max: 15, Doc: "TCP congestion control algorithm"},
		{Name: "fastopen_no_cookie", Type: unix.RTAX_FASTOPEN_NO_COOKIE, Kind: wire.U32, Doc: "1 allows TCP fast open without a cookie"},
		{Name: "lock", Type: unix.RTAX_LOCK, Kind: wire.U32, Bits: true, Words: metricLocks, Doc: "metrics that path discovery and TCP may not change"},
	},
}

var metricFeatures = wire.Words{
	{Name: "ecn", N: unix.RTAX_FEATURE_ECN}, {Name: "sack", N: unix.RTAX_FEATURE_SACK}, {Name: "timestamp", N: unix.RTAX_FEATURE_TIMESTAMP},
	{Name: "allfrag", N: unix.RTAX_FEATURE_ALLFRAG}, {Name: "tcp_usec_ts", N: unix.RTAX_FEATURE_TCP_USEC_TS},
}

// metricLocks are the bits of RTAX_LOCK, one for each metric.
var metricLocks = wire.Words{
	{Name: "mtu", N: 1 << unix.RTAX_MTU}, {Name: "window", N: 1 << unix.RTAX_WINDOW}, {Name: "rtt", N: 1 << unix.RTAX_RTT},
	{Name: "rttvar", N: 1 << unix.RTAX_RTTVAR}, {Name: "ssthresh", N: 1 << unix.RTAX_SSTHRESH}, {Name: "cwnd", N: 1 << unix.RTAX_CWND},
	{Name: "advmss", N: 1 << unix.RTAX_ADVMSS}, {Name: "reordering", N: 1 << unix.RTAX_REORDERING},
	{Name: "hoplimit", N: 1 << unix.RTAX_HOPLIMIT}, {Name: "initcwnd", N: 1 << unix.RTAX_INITCWND},
	{Name: "features", N: 1 << unix.RTAX_FEATURES}, {Name: "rto_min", N: rtoMinLock}, {Name: "initrwnd", N: 1 << unix.RTAX_INITRWND},
	{Name: "quickack", N: 1 << unix.RTAX_QUICKACK}, {Name: "congctl", N: 1 << unix.RTAX_CC_ALGO},
	{Name: "fastopen_no_cookie", N: 1 << unix.RTAX_FASTOPEN_NO_COOKIE},
}

const rtoMinLock = 1 << unix.RTAX_RTO_MIN

// The most the kernel keeps of a metric (ip_metrics_convert).
var metricMax = []struct {
	row *lazyRow
	max uint64
}{
	{&lazyRow{table: routeTable, name: "mtu"}, 65535 - 15}, {&lazyRow{table: routeTable, name: "advmss"}, 65535 - 40}, {&lazyRow{table: routeTable, name: "hoplimit"}, 255},
}

// zeroMetrics are the metrics that are not there when they are zero: all numbers.
var zeroMetrics = rowSet{table: routeTable, also: func(f *wire.Field) bool { return f.In() == "metrics" && f.Kind == wire.U32 }}

// canonMetrics does to the metrics in s what ip_metrics_convert and
// rtnetlink_put_metrics do: clamp, and forget zeros.
func canonMetrics(s *wire.Set) {
	for _, c := range metricMax {
		if v, _ := s.At(c.row.f()); v.N > c.max {
			s.Put(c.row.f(), wire.IntVal(c.max))
		}
	}
	zeroMetrics.dropZero(s)
}
