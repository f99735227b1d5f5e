// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension"
	"github.com/ociapm/otelcol-ociapm/internal/startup"
)

// minFree is the free space below which a disk counts as full, in bytes: a few uploads.
const minFree = 32 << 20

// queueDirectory returns the directory of the exporter's queue, or why there is none.
func (p *patient) queueDirectory() (directory, reason string) {
	if p.settings == nil || p.settings.exporterID == "" {
		return "", "no exporter oci_apm"
	}
	storage := p.settings.text("exporters::" + p.settings.exporterID + "::sending_queue::storage")
	switch {
	case storage == "":
		return "", "the queue is in memory: what waits there does not survive a restart"
	case typeOf(storage) != "queue_storage":
		return "", "the queue is in " + storage + ", which this program does not read"
	}
	directory = p.settings.text("extensions::" + storage + "::directory")
	if own := p.source.process.directory; own != "" && !filepath.IsAbs(directory) {
		directory = filepath.Join(own, directory)
	}
	return directory, ""
}

// queueFolderCheck examines the folder of the queue, its disk and its lock.
type queueFolderCheck struct{}

func (queueFolderCheck) run(_ context.Context, p *patient) []Finding {
	directory, reason := p.queueDirectory()
	if reason != "" {
		return []Finding{skipped(QueueFolder, reason), skipped(QueueSpace, reason), skipped(QueueLock, reason)}
	}
	findings := []Finding{p.folderFinding(directory)}
	if free, ok := freeSpace(existing(directory)); !ok {
		findings = append(findings, skipped(QueueSpace, "the free space cannot be read"))
	} else {
		findings = append(findings, spaceFinding(directory, free))
	}
	return append(findings, p.lockFinding(directory))
}

func (p *patient) folderFinding(directory string) Finding {
	info, err := os.Stat(directory)
	if target, linkErr := os.Readlink(directory); linkErr == nil && errors.Is(err, fs.ErrNotExist) {
		return failed(QueueFolder, directory+" is a link to "+target+", which does not exist", "create that folder, or remove the link")
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if problem := startup.CheckFolder(directory, true); problem != nil {
			return problemFinding(QueueFolder, problem)
		}
		return ok(QueueFolder, directory+" does not exist yet; the collector creates it")
	case errors.Is(err, fs.ErrPermission) && os.Geteuid() != 0 && p.packagedUser() >= 0:
		return skipped(QueueFolder, directory+" can be read by root and by the collector's user only")
	case err != nil:
		return problemFinding(QueueFolder, startup.FolderNotWritable(directory, err))
	case !info.IsDir():
		return failed(QueueFolder, directory+" is not a folder", "choose another path")
	}
	owner, user := ownerOf(info), p.collectorUser()
	switch {
	case user > 0 && owner >= 0 && owner != user && info.Mode().Perm()&0o002 == 0:
		return failed(QueueFolder, fmt.Sprintf("%s belongs to uid %d, and the collector runs as uid %d", directory, owner, user),
			fmt.Sprintf("chown -R %d %s, or set OTELCOL_QUEUE_DIRECTORY to a folder that it can write", user, directory))
	case user == os.Geteuid():
		if problem := startup.CheckFolder(directory, false); problem != nil {
			return problemFinding(QueueFolder, problem)
		}
	}
	return ok(QueueFolder, directory+" can be written by the collector")
}

// problemFinding splits a sentence of a failed start into what is wrong and what to do.
func problemFinding(id string, problem error) Finding {
	text, advice, found := strings.Cut(problem.Error(), "): ")
	if found {
		return failed(id, text+")", advice)
	}
	text, advice, _ = strings.Cut(problem.Error(), ": ")
	return failed(id, text, advice)
}

// collectorUser returns the uid that the collector runs as, or would run as if it was
// started as this program was.
func (p *patient) collectorUser() int {
	switch {
	case p.source.process.pid != 0 && p.source.process.uid >= 0:
		return p.source.process.uid
	case p.packagedUser() >= 0:
		return p.packagedUser()
	}
	return os.Geteuid()
}

// packagedUser returns the uid of the package's user, or -1 if the configuration is not
// the package's.
func (p *patient) packagedUser() int {
	if !p.source.packaged {
		return -1
	}
	return uidOf(programName)
}

func spaceFinding(directory string, free int64) Finding {
	if free < minFree {
		return failed(QueueSpace, fmt.Sprintf("the disk of %s is full: %s are free", directory, size(free)),
			"free disk space; until then the collector refuses new data, and apps retry")
	}
	return ok(QueueSpace, size(free)+" are free")
}

// lockFinding reports who uses the folder.
func (p *patient) lockFinding(directory string) Finding {
	path := filepath.Join(directory, queuestorageextension.LockFile)
	if _, err := os.Stat(path); err != nil {
		return ok(QueueLock, "no collector uses the folder")
	}
	if lockFree(path) {
		return ok(QueueLock, "no collector uses the folder")
	}
	name, pid, known := startup.LockHolder(path)
	if !known {
		return ok(QueueLock, "a collector uses the folder")
	}
	if own := p.source.process.pid; own != 0 && own != pid {
		return problemFinding(QueueLock, startup.FolderInUse(directory, path))
	}
	return ok(QueueLock, fmt.Sprintf("%s (pid %d) uses the folder", name, pid))
}

// lockFree reports whether nobody has locked the file. It takes the lock for a moment,
// and opens the file for reading only.
func lockFree(path string) bool {
	lock := flock.New(path)
	free, err := lock.TryRLock()
	if err != nil {
		return false
	}
	if free {
		_ = lock.Unlock()
	}
	return free
}

// queueContentCheck reports what waits for upload: from the metrics of a running
// collector, or from the folder if its lock is free.
type queueContentCheck struct{}

func (queueContentCheck) run(ctx context.Context, p *patient) []Finding {
	if p.metrics = p.scrape(ctx); p.metrics.has("otelcol_exporter_queue_size") && p.settings.exporterID != "" {
		return []Finding{p.metrics.queueFinding(p.settings.exporterID, p.uploads())}
	}
	directory, reason := p.queueDirectory()
	if reason != "" {
		return []Finding{skipped(QueueContent, reason)}
	}
	if path := filepath.Join(directory, queuestorageextension.LockFile); isReadable(path) && !lockFree(path) {
		return []Finding{skipped(QueueContent, "the folder is in use, and the collector's metrics cannot be read")}
	}
	queues, err := queuestorageextension.Inspect(directory)
	if errors.Is(err, fs.ErrNotExist) {
		return []Finding{ok(QueueContent, "empty")}
	}
	if err != nil {
		return []Finding{skipped(QueueContent, "cannot be read: "+withoutPath(err).Error())}
	}
	return []Finding{contentFinding(queues)}
}

func contentFinding(queues []queuestorageextension.Queue) Finding {
	var items, bytes int64
	var before time.Time
	for _, queue := range queues {
		items, bytes = items+queue.Items, bytes+queue.Bytes
		if !queue.Before.IsZero() && (before.IsZero() || queue.Before.Before(before)) {
			before = queue.Before
		}
	}
	if items == 0 {
		return ok(QueueContent, "empty")
	}
	return failed(QueueContent, fmt.Sprintf("%d requests (%s) wait on disk, the oldest since %s or earlier", items, size(bytes), before.UTC().Format(time.RFC3339)),
		"start the collector: it uploads them")
}

// size returns a number of bytes for people.
func size(bytes int64) string {
	const unit = 1024
	switch {
	case bytes < unit*unit:
		return fmt.Sprintf("%d KiB", (bytes+unit-1)/unit)
	case bytes < unit*unit*unit:
		return fmt.Sprintf("%d MiB", bytes/unit/unit)
	}
	return fmt.Sprintf("%.1f GiB", float64(bytes)/unit/unit/unit)
}

// existing returns the path itself, or its closest parent that exists.
func existing(path string) string {
	for {
		parent := filepath.Dir(path)
		if _, err := os.Stat(path); err == nil || parent == path {
			return path
		}
		path = parent
	}
}
