DROP TABLE credence_in_force, credence_part, credence;
DROP FUNCTION credence_is_whole, credence_part_comes_with_the_whole, credence_never_changes;
