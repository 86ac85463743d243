// The linear index of a workgroup in a two-dimensional dispatch. The host spreads
// workgroups over two dimensions above the limit of one; the last row may have more
// workgroups than it asked for, so kernels compare the index with their item count.
fn workgroup_index(workgroup_id: vec3<u32>, num_workgroups: vec3<u32>) -> u32 {
    return workgroup_id.y * num_workgroups.x + workgroup_id.x;
}
