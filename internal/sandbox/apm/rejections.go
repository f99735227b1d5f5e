// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	// quietAfterChange limits the number of log lines if accepted and rejected
	// uploads alternate.
	quietAfterChange = time.Second
	// reminderInterval is how often a continuing run of rejections is logged.
	reminderInterval = time.Minute
)

// runKey identifies a run of rejections.
type runKey struct {
	signal Signal
	reason string
}

// run is a series of rejections with the same reason, without an accepted
// upload of the signal in between.
type run struct {
	active   bool
	unlogged int
	total    int
	logged   time.Time
}

// uploadLog logs what a person at the terminal needs to know, without a line
// for each upload: the first upload of each service and signal, the start of a
// run of rejections, and its end.
type uploadLog struct {
	logger *zap.Logger
	now    func() time.Time

	mu        sync.Mutex
	seen      map[serviceSignal]struct{}
	runs      map[runKey]*run
	recovered time.Time
}

type serviceSignal struct {
	service string
	signal  Signal
}

func newUploadLog(logger *zap.Logger) *uploadLog {
	return &uploadLog{
		logger: logger,
		now:    time.Now,
		seen:   map[serviceSignal]struct{}{},
		runs:   map[runKey]*run{},
	}
}

// rejected records a rejection. reason is one of a few fixed words; message
// says what is wrong and what to do.
func (l *uploadLog) rejected(u Upload, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := runKey{signal: u.Signal, reason: reason}
	r := l.runs[key]
	if r == nil {
		r = &run{}
		l.runs[key] = r
	}
	wait := quietAfterChange
	if r.active {
		wait = reminderInterval
	} else {
		r.active, r.total = true, 0
	}
	r.total++
	if now := l.now(); now.Sub(r.logged) >= wait {
		l.logger.Info("upload rejected",
			zap.String("method", u.Method), zap.String("path", u.Path), zap.Int("status", u.Status),
			zap.String("reason", u.Error), zap.Int("unlogged_before", r.unlogged))
		r.logged, r.unlogged = now, 0
		return
	}
	r.unlogged++
}

// accepted records an accepted upload and the services in it.
func (l *uploadLog) accepted(u Upload, services []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	rejected := 0
	for key, r := range l.runs {
		// A wrong path belongs to no signal: its sender may be the one that is
		// accepted now.
		if r.active && (key.signal == u.Signal || key.signal == "") {
			r.active = false
			rejected += r.total
		}
	}
	if now := l.now(); rejected > 0 && now.Sub(l.recovered) >= quietAfterChange {
		l.recovered = now
		l.logger.Info("uploads are accepted again", zap.String("signal", string(u.Signal)), zap.Int("rejected_before", rejected))
	}
	for _, service := range services {
		key := serviceSignal{service: service, signal: u.Signal}
		if _, ok := l.seen[key]; ok || len(l.seen) >= maxServices {
			continue
		}
		l.seen[key] = struct{}{}
		l.logger.Info("first upload", zap.String("service", service), zap.String("signal", string(u.Signal)),
			zap.String("path", u.Path), zap.String("user_agent", u.UserAgent))
	}
}
