// The position of a workgroup in a dispatch whose groups are spread over two
// dimensions; the last row may reach past the groups asked for.
fn flat_group(group: vec3<u32>, groups: vec3<u32>) -> u32 {
    return group.y * groups.x + group.x;
}
