package rtnl

import "github.com/nlscript/nlscript/wire"

// How a script writes what the codecs encode (wire.Former).

var _ = []wire.Former{gateway{}, multipath{}, nexthopGroup{}, labelStack{}, geneveOpt{}, erspanOpt{}, rplHeader{}, seg6Counters{}, estimator{}}

func (gateway) Form() string   { return "address" }
func (multipath) Form() string { return "list of hop()" }
func (nexthopGroup) Form() string {
	return `list of ids, or of (id, weight), or text such as "1,10/2,20"`
}
func (labelStack) Form() string   { return `labels such as "200/201", or one number` }
func (geneveOpt) Form() string    { return `text such as "102:80:0011"` }
func (erspanOpt) Form() string    { return `text such as "1:2:0:0"` }
func (rplHeader) Form() string    { return "list of IPv6 addresses" }
func (seg6Counters) Form() string { return "True or False" }
func (estimator) Form() string    { return `list of two times, such as ["1s", "8s"]` }
