-- The household code begins with another commune than the row's. It may if the household is known to have moved: an
-- earlier accepted review has it in the row's commune already, or has it at all and its movement this year is 'other',
-- as official forms count households that moved in. It may, too, if that commune is no more and the row's is among
-- those that it became part of; where no list tells all of them, since it ended before 2025, that is any of the same
-- district. Not judged: a row without commune or with a code that is none on that day (HR-01 tells), or whose household
-- code has another form.
with suspect as (
    select
        b.submission_id,
        b.sheet_name,
        b.row_number,
        b.household_code,
        left(b.household_code, 5) as begins_with,
        b.commune_code,
        b.commune_name,
        b.movement_reported,
        b.period_end
    from {batch} as b
    where
        b.household_code ~ '^\d\d\d\d\d-\d\d\d\d\d$'
        and left(b.household_code, 5) <> b.commune_code
        and exists (
            select 1
            from reference.admin_unit as unit
            where
                b.commune_code = unit.code
                and unit.level = 'commune'
                and b.period_end >= coalesce(unit.valid_from, '-infinity')
                and b.period_end <= coalesce(unit.valid_to, 'infinity')
        )
),

ended as (
    select distinct
        suspect.begins_with,
        suspect.commune_code,
        suspect.period_end,
        unit.parent_code
    from suspect
    inner join reference.admin_unit as unit
        on suspect.begins_with = unit.code
    where
        unit.level = 'commune'
        and unit.valid_to < suspect.period_end
),

district as (
    select
        ended.commune_code,
        unit.parent_code
    from ended
    inner join reference.admin_unit as unit
        on ended.commune_code = unit.code
    where unit.level = 'commune'
    union
    select
        ended.commune_code,
        unit.parent_code
    from ended
    inner join reference.admin_unit_successor as successor
        on ended.commune_code = successor.new_commune_code
    inner join reference.admin_unit as unit
        on successor.old_commune_code = unit.code
    where unit.level = 'commune'
),

merged as (
    select
        ended.begins_with,
        ended.commune_code,
        ended.period_end
    from ended
    inner join reference.admin_unit_successor as successor
        on
            ended.begins_with = successor.old_commune_code
            and ended.commune_code = successor.new_commune_code
    union
    select
        ended.begins_with,
        ended.commune_code,
        ended.period_end
    from ended
    inner join district
        on
            ended.commune_code = district.commune_code
            and ended.parent_code = district.parent_code
    left join reference.admin_unit_successor as successor
        on
            ended.begins_with = successor.old_commune_code
            and successor.via_commune_code is null
    where successor.old_commune_code is null
),

moved as (
    select
        suspect.submission_id,
        suspect.sheet_name,
        suspect.row_number
    from suspect
    inner join accepted.household_review as a
        on
            suspect.household_code = a.household_code
            and suspect.period_end > a.period_end
            and (suspect.commune_code = a.commune_code or suspect.movement_reported = 'other')
)

select
    suspect.submission_id,
    suspect.sheet_name,
    suspect.row_number,
    'household_code' as column_name,
    suspect.household_code as value,
    suspect.household_code,
    concat_ws(' ', suspect.commune_code, suspect.commune_name) as commune
from suspect
where
    not exists (
        select 1
        from moved
        where
            moved.submission_id = suspect.submission_id
            and moved.sheet_name = suspect.sheet_name
            and moved.row_number = suspect.row_number
    )
    and not exists (
        select 1
        from merged
        where
            merged.begins_with = suspect.begins_with
            and merged.commune_code = suspect.commune_code
            and merged.period_end = suspect.period_end
    )
