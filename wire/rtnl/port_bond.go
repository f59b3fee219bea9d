package rtnl

import (
	"golang.org/x/sys/unix"

	"github.com/nlscript/nlscript/wire"
)

// What golang.org/x/sys lacks of IFLA_BOND_SLAVE_.
const (
	bondSlaveActorPortPrio     = 10
	bondSlaveChurnActorState   = 11
	bondSlaveChurnPartnerState = 12
)

// bondPort: see bond_slave_changelink in drivers/net/bonding/bond_netlink.c.
var bondPort = &wire.Table{
	Name: "bond", Doc: "port of a bond",
	Fields: []wire.Field{
		{Name: "queue_id", Type: unix.IFLA_BOND_SLAVE_QUEUE_ID, Kind: wire.U16, Default: "0", Doc: "transmit queue of the bond that means this port; 0 none"},
		{Name: "prio", Type: unix.IFLA_BOND_SLAVE_PRIO, Kind: wire.S32, Since: "6.0", Default: "0", Doc: "priority at failover, highest wins (active-backup, tlb, alb); 0 by default"},
		{Name: "actor_port_prio", Type: bondSlaveActorPortPrio, Kind: wire.U16, Since: "6.18", Default: "255", Doc: "port priority (802.3ad); 255 by default"},
		{Name: "state", Type: unix.IFLA_BOND_SLAVE_STATE, Kind: wire.U8, Enum: []string{"active", "backup"}, RO: true, Volatile: true, Doc: "whether the port is in use"},
		{Name: "mii_status", Type: unix.IFLA_BOND_SLAVE_MII_STATUS, Kind: wire.U8, Enum: []string{"up", "going_down", "down", "going_back"}, RO: true, Volatile: true, Doc: "carrier as the bond sees it"},
		{Name: "link_failure_count", Type: unix.IFLA_BOND_SLAVE_LINK_FAILURE_COUNT, Kind: wire.U32, RO: true, Volatile: true, Doc: "how often the carrier went"},
		{Name: "perm_hwaddr", Type: unix.IFLA_BOND_SLAVE_PERM_HWADDR, Kind: wire.MAC, RO: true, Doc: "address the port gets back when it leaves"},
		{Name: "ad_aggregator_id", Type: unix.IFLA_BOND_SLAVE_AD_AGGREGATOR_ID, Kind: wire.U16, RO: true, Volatile: true, Doc: "aggregator of the port"},
		{Name: "ad_actor_oper_port_state", Type: unix.IFLA_BOND_SLAVE_AD_ACTOR_OPER_PORT_STATE, Kind: wire.U8, Hex: true, RO: true, Volatile: true, Doc: "LACP state of this side"},
		{Name: "ad_partner_oper_port_state", Type: unix.IFLA_BOND_SLAVE_AD_PARTNER_OPER_PORT_STATE, Kind: wire.U16, Hex: true, RO: true, Volatile: true, Doc: "LACP state of the partner"},
		{Name: "ad_churn_actor_state", Type: bondSlaveChurnActorState, Kind: wire.U8, RO: true, Volatile: true, Doc: "churn machine of this side"},
		{Name: "ad_churn_partner_state", Type: bondSlaveChurnPartnerState, Kind: wire.U8, RO: true, Volatile: true, Doc: "churn machine of the partner"},
	},
}
