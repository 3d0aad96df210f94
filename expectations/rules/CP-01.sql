-- A part exceeds its whole; one row per pair. A pair of which one is missing is not judged.
select
    b.submission_id,
    b.sheet_name,
    b.row_number,
    pair.part_column as column_name,
    pair.part as value,
    pair.part_column,
    pair.whole_column,
    pair.whole as "limit"
from {batch} as b
cross join lateral (
    values
    ('household_count', b.household_count::numeric, 'population', b.population::numeric),
    ('ethnic_minority_household_count', b.ethnic_minority_household_count, 'household_count', b.household_count),
    ('villages_with_hardened_road', b.villages_with_hardened_road, 'village_count', b.village_count),
    ('villages_with_electricity', b.villages_with_electricity, 'village_count', b.village_count),
    ('irrigation_met_ha', b.irrigation_met_ha, 'irrigation_need_ha', b.irrigation_need_ha),
    ('trained_labour', b.trained_labour, 'labour_force', b.labour_force),
    ('vocationally_trained_labour', b.vocationally_trained_labour, 'trained_labour', b.trained_labour),
    ('trained_and_employed', b.trained_and_employed, 'trained_in_year', b.trained_in_year)
) as pair (part_column, part, whole_column, whole)
where pair.part > pair.whole
