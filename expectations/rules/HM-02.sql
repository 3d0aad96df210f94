-- A household without a head or with several: one finding, on its first row. Not judged: a household of which a row's
-- relation is missing or could not be read, for that may be the head.
select
    submission_id,
    sheet_name,
    row_number,
    'relation_to_head' as column_name,
    relation_to_head as value,
    household_code,
    head_count as count
from (
    select
        submission_id,
        sheet_name,
        row_number,
        household_code,
        relation_to_head,
        row_number() over (
            partition by submission_id, household_code
            order by sheet_name, row_number
        ) as place,
        count(*) filter (where relation_to_head = 'head') over household as head_count,
        count(*) filter (where relation_to_head is null) over household as unknown_count
    from {batch}
    where household_code is not null
    window household as (partition by submission_id, household_code)
) as counted
where
    place = 1
    and head_count <> 1
    and unknown_count = 0
