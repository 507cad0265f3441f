// SPDX-License-Identifier: MIT
//
// Levels of detail of a thread's runs, so that a row of the timeline costs as many steps as it is pixels wide, however many samples it has:
// a level has the sums of groups of 4, 8, 16... runs. A group is added to its column at once where it is narrower than half a pixel. The
// groups are of runs and not of equal times: a burst of samples has as many as it needs.
'use strict';

const level_size = (level) => level ? 2 << level : 1; // level 0 are the runs themselves

class Levels {
	constructor(first, end) {
		this.first = first;
		this.end = end;
		this.offsets = [0]; // of the first group of each level
		let groups = 0;
		for (let level = 1; end - first >= level_size(level); level++) {
			this.offsets.push(groups);
			groups += Math.ceil((end - first) / level_size(level));
		}
		this.top = this.offsets.length - 1;
		this.times = new Float32Array(groups * STATES.length); // of each state
		this.depth = new Uint32Array(groups); // of the deepest
		this.shared = null; // see share()
		this.sum_up();
	}

	// Of each group of the finest level its runs, of each other one the two that it is made of.
	fold(add_run, add_group) {
		for (let level = 1; level <= this.top; level++) {
			const size = level_size(level), offset = this.offsets[level], below = this.offsets[level - 1];
			const count = Math.ceil((this.end - this.first) / size), count_below = Math.ceil((this.end - this.first) / (size / 2));
			for (let group = 0; group < count; group++) {
				if (level === 1) {
					const last = Math.min(this.first + (group + 1) * size, this.end);
					for (let run = this.first + group * size; run < last; run++)
						add_run(offset + group, run);
				} else {
					add_group(offset + group, below + 2 * group);
					if (2 * group + 1 < count_below)
						add_group(offset + group, below + 2 * group + 1);
				}
			}
		}
	}

	sum_up() {
		const { runs } = profile, { times, depth } = this, wide = STATES.length;
		this.fold((group, run) => {
			times[group * wide + runs.state[run]] += runs.end[run] - runs.start[run];
			depth[group] = Math.max(depth[group], runs.depth[run]);
		}, (group, part) => {
			for (let state = 0; state < wide; state++)
				times[group * wide + state] += times[part * wide + state];
			depth[group] = Math.max(depth[group], depth[part]);
		});
	}

	// Frames that are common with a sample (of each stack so many), times the time: once for each sample that is selected.
	share(common) {
		if (!common || this.of === common)
			return;
		const { runs } = profile;
		const shared = new Float32Array(this.depth.length);
		this.fold((group, run) => {
			shared[group] += common[runs.stack[run]] * (runs.end[run] - runs.start[run]);
		}, (group, part) => {
			shared[group] += shared[part];
		});
		this.shared = shared;
		this.of = common;
	}

	// Is there a group of this level that begins with the run and is not longer than `most` us?
	has(level, run, most) {
		const size = level_size(level);
		return (run - this.first & size - 1) === 0 && profile.runs.end[Math.min(run + size, this.end) - 1] - profile.runs.start[run] <= most;
	}

	group(level, run) {
		return this.offsets[level] + (run - this.first) / level_size(level);
	}
}

let levels_of_threads = [];

function levels_of(thread) {
	levels_of_threads[thread] ??= new Levels(profile.first[thread], profile.first[thread + 1]);
	return levels_of_threads[thread];
}

// Of a series, the largest value of each 1, 2, 4... neighbours.
function highest_levels(values) {
	const levels = [values];
	while (levels.at(-1).length > 64) {
		const below = levels.at(-1), level = new Float64Array(Math.ceil(below.length / 2));
		for (let i = 0; i < level.length; i++)
			level[i] = 2 * i + 1 < below.length ? Math.max(below[2 * i], below[2 * i + 1]) : below[2 * i];
		levels.push(level);
	}
	return levels;
}
