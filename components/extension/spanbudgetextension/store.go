// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension // import "github.com/ociapm/otelcol-ociapm/components/extension/spanbudgetextension"

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/internal/hostextension"
	"github.com/ociapm/otelcol-ociapm/internal/spanbudget"
)

const (
	// saveInterval is how often everything is stored.
	saveInterval = 10 * time.Second

	// reservedPart is the part of the hour's budget that may be spent until what was spent
	// is stored again. A crash makes all of it count as spent.
	reservedPart = 1.0 / 1000

	// saveTimeout limits how long decisions wait for the storage.
	saveTimeout = time.Second

	storeVersion = 1

	spentKey      = "spent"
	controllerKey = "controller"
)

func segmentKey(number int) string { return fmt.Sprintf("kept-%d", number) }

// spentRecord is what was spent, and with which probabilities. It is small, and stored
// often.
type spentRecord struct {
	Version   int         `json:"version"`
	Current   hour        `json:"current"`
	Reserved  int64       `json:"reserved"` // spans that may be spent before the next record
	Previous  hour        `json:"previous"`
	Error     float64     `json:"error"`
	Slow      float64     `json:"slow"`
	Level     float64     `json:"level"` // 0: no limit
	All       groupRecord `json:"all"`
	Hourly    float64     `json:"hourly"` // the budget of all instances
	Instances int         `json:"instances"`
}

// controllerRecord is what the controller has learned.
type controllerRecord struct {
	Version    int                 `json:"version"`
	Demand     [classCount]float64 `json:"demand"`
	Net        float64             `json:"net"`
	Operations []operationRecord   `json:"operations"`
}

type groupRecord struct {
	Rate        float64 `json:"rate"`
	Known       bool    `json:"known"`
	Probability float64 `json:"probability"`
}

type operationRecord struct {
	Service string      `json:"service"`
	Name    string      `json:"name"`
	Group   groupRecord `json:"group"`
}

// openStore opens the storage, and reads what an earlier process has left.
func (b *budget) openStore(ctx context.Context, host component.Host, now time.Time) error {
	if b.cfg.StorageID == nil {
		b.logger.Warn("The budget has no storage: after a restart, what was spent in the hour is estimated; set storage to a storage extension",
			zap.Stringer("span_budget", b.id))
		b.controller.assumeSpent(now)
		return nil
	}
	store, err := hostextension.Storage(host, *b.cfg.StorageID)
	if err != nil {
		return err
	}
	if b.client, err = store.GetClient(ctx, component.KindExtension, b.id, ""); err != nil {
		return fmt.Errorf("open the storage: %w", err)
	}
	return b.restore(ctx, now)
}

// restore goes on with what an earlier process has left. What cannot be read is as if it
// were not there.
func (b *budget) restore(ctx context.Context, now time.Time) error {
	var spent spentRecord
	found, err := b.load(ctx, spentKey, &spent)
	if err != nil {
		return err
	}
	if found && spent.Version == storeVersion {
		b.controller.restoreSpent(spent, now)
		b.reported = spent.Previous.Number
		b.lastInstances = spent.Instances
	} else {
		b.controller.assumeSpent(now)
	}
	var learned controllerRecord
	if found, err = b.load(ctx, controllerKey, &learned); err != nil {
		return err
	}
	if found && learned.Version == storeVersion {
		b.controller.restore(learned)
	}
	for number := range segmentCount {
		record, err := b.client.Get(ctx, segmentKey(number))
		if err != nil {
			return fmt.Errorf("read the storage: %w", err)
		}
		if record == nil {
			continue
		}
		if err := b.kept.restore(number, record); err != nil {
			b.logger.Warn("A record of traces that were kept cannot be read; their late spans are decided anew", zap.Error(err))
		}
	}
	return nil
}

// load reads a record, and returns whether there is one that can be read.
func (b *budget) load(ctx context.Context, key string, into any) (bool, error) {
	record, err := b.client.Get(ctx, key)
	if err != nil {
		return false, fmt.Errorf("read the storage: %w", err)
	}
	if record == nil {
		return false, nil
	}
	if err := json.Unmarshal(record, into); err != nil {
		b.logger.Warn("A record of the budget cannot be read, and is made anew", zap.String("record", key), zap.Error(err))
		return false, nil
	}
	return true, nil
}

// saveAll stores what was spent, what the controller has learned, and which traces were
// kept.
func (b *budget) saveAll(ctx context.Context, reserve bool) error {
	if b.client == nil {
		return nil
	}
	b.mu.Lock()
	err := b.saveSpent(ctx, reserve)
	learned, segments := b.controller.record(), b.kept.takeChanged()
	b.mu.Unlock()
	if err == nil {
		err = b.saveLearned(ctx, learned, segments)
	}
	if err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		for number := range segments {
			b.kept.changed[number] = true
		}
	}
	return err
}

func (b *budget) saveLearned(ctx context.Context, learned controllerRecord, segments map[int][]byte) error {
	data, err := json.Marshal(learned)
	if err != nil {
		return err
	}
	operations := []*storage.Operation{storage.SetOperation(controllerKey, data)}
	for number, segment := range segments {
		operations = append(operations, storage.SetOperation(segmentKey(number), segment))
	}
	return b.client.Batch(ctx, operations...)
}

// saveSpent stores what was spent and, if reserve, what may be spent until the next time.
// The caller holds mu, so that records are stored in their order.
func (b *budget) saveSpent(ctx context.Context, reserve bool) error {
	spent := b.controller.recordSpent()
	if reserve {
		spent.Reserved = int64(spent.Current.Limit * reservedPart)
	}
	b.reservedHour, b.reserved = spent.Current.Number, spent.Current.total()+spent.Reserved
	data, err := json.Marshal(spent)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	return b.client.Batch(ctx, storage.SetOperation(spentKey, data))
}

// recordSpent returns what was spent.
func (c *controller) recordSpent() spentRecord {
	r := spentRecord{
		Version: storeVersion, Current: c.hours.current, Previous: c.hours.previous,
		Error: c.error.p, Slow: c.slow.p, All: c.ops.all.record(), Hourly: c.plan.hourly, Instances: c.plan.instances,
	}
	if level := c.ops.level; level < maxLevel {
		r.Level = level
	}
	return r
}

// restoreSpent goes on with what an earlier controller has spent.
func (c *controller) restoreSpent(r spentRecord, now time.Time) {
	c.hours = hours{current: r.Current, previous: r.Previous}
	c.hours.current.Assumed += r.Reserved
	c.hours.turn(hourOf(now), c.plan.share())
	c.changeLimit(r, now)
	c.before = c.hours.current.total()
	c.error, c.slow = newChance(r.Error), newChance(r.Slow)
	c.ops.all.restore(r.All)
	if r.Level > 0 {
		c.ops.level = r.Level
	}
	c.planBursts()
}

// changeLimit applies what has changed in the configuration since a record of this hour:
// another budget at once, another number of instances to the rest of the hour.
func (c *controller) changeLimit(r spentRecord, now time.Time) {
	switch current := &c.hours.current; {
	case current.Number != r.Current.Number:
	case r.Hourly != c.plan.hourly:
		current.Limit = c.plan.share()
	default:
		current.Limit += (c.plan.share() - r.Hourly/float64(r.Instances)) * c.endOfHour().Sub(now).Hours()
	}
}

// record returns what the controller has learned.
func (c *controller) record() controllerRecord {
	r := controllerRecord{Version: storeVersion, Demand: c.demand, Net: c.net}
	if c.ops.fair {
		for name, op := range c.ops.byName {
			r.Operations = append(r.Operations, operationRecord{Service: name.service, Name: name.name, Group: op.group.record()})
		}
	}
	return r
}

func (g *group) record() groupRecord {
	return groupRecord{Rate: g.average, Known: g.known, Probability: g.chance.p}
}

func (g *group) restore(r groupRecord) {
	g.average, g.rate, g.known, g.chance = r.Rate, r.Rate, r.Known, newChance(r.Probability)
}

// restore goes on with what an earlier controller has learned.
func (c *controller) restore(r controllerRecord) {
	c.demand, c.net = r.Demand, min(max(r.Net, 0.05), 2)
	for _, op := range r.Operations {
		if c.ops.fair {
			c.ops.find(operationName{service: op.Service, name: op.Name}).group.restore(op.Group)
		}
	}
}

// spent stores what is spent if it is more than was reserved. A kept trace waits for it, so
// that a crash never forgets what was delivered.
func (b *budget) spent(ctx context.Context, now time.Time) {
	current := &b.controller.hours.current
	if b.client == nil || current.Number == b.reservedHour && current.total() <= b.reserved {
		return
	}
	if err := b.saveSpent(ctx, true); err != nil {
		b.cannotStore(now, err)
	}
}

// cannotStore says that a restart will not know what was spent.
func (b *budget) cannotStore(now time.Time, err error) {
	b.notices.storage.warn(now, b.logger, "What was spent cannot be stored; a restart now would estimate it", zap.Error(err))
}

// verdictOf returns the verdict on a trace that was kept.
func (b *budget) verdictOf(trace *keptTrace) spanbudget.Verdict {
	if trace == nil {
		return spanbudget.Verdict{}
	}
	return trace.verdict
}
