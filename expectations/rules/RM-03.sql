-- A figure of a movement form is not the one counted in the household lists, as the marts count it: a household was at
-- the start what the accepted list of the year before under the same standard says, else what its own list tells; it is
-- new unless the lists, or of a household without history its own, know it as poor (near-poor) before; a household of
-- last year's list that this year's lacks left by other ways. Persons are those of this year's list; at the start, of
-- last year's where the household stands in it. A form that names no standard is compared with the only list there is.
-- The households told are those whose own statement of class and movement leads to another figure and, where the form
-- says 0, all that are counted.
-- Not judged: without an accepted list, a commune of whose list a row is held, a missing figure, and but for the end a
-- commune with a household of which nothing tells its class at the start.
with list as (
    select
        sender_code,
        period_code,
        standard_code,
        extract(year from period_end) as review_year,
        count(*) over (partition by sender_code, period_code) as list_count
    from ops.submission
    where
        dataset = 'household_review'
        and status_code in ('accepted', 'accepted_with_findings')
),

held as (
    select
        list.sender_code,
        list.period_code,
        list.standard_code,
        coalesce(review.commune_code, left(review.household_code, 5)) as commune_code
    from ops.submission as list
    inner join ops.held_row as held_row on list.submission_id = held_row.submission_id
    inner join raw.household_review as review
        on
            held_row.submission_id = review.submission_id
            and held_row.sheet_name = review.sheet_name
            and held_row.row_number = review.row_number
    where
        list.dataset = 'household_review'
        and list.status_code in ('accepted', 'accepted_with_findings')
),

declared as (
    select
        b.submission_id,
        b.sheet_name,
        b.row_number,
        form.dataset,
        b.commune_code,
        b.counted,
        list.standard_code,
        list.review_year,
        to_jsonb(b) as cells
    from {batch} as b
    inner join ops.submission as form on b.submission_id = form.submission_id
    inner join list
        on
            b.sender_code = list.sender_code
            and b.period_code = list.period_code
            and (b.standard_code = list.standard_code or (b.standard_code = '' and list.list_count = 1))
    where
        b.commune_code is not null
        and not exists (
            select 1
            from held
            where
                held.sender_code = b.sender_code
                and held.period_code = b.period_code
                and held.standard_code = list.standard_code
                and coalesce(held.commune_code, b.commune_code) = b.commune_code
        )
),

-- A household in the lists of two senders counts in the one received last.
reviewed as (
    select distinct on (household_code, standard_code, period_end)
        household_code,
        standard_code,
        extract(year from period_end) as review_year,
        sender_code,
        commune_code,
        member_count,
        class_reported as class_code,
        class_previous,
        movement_reported
    from accepted.household_review
    where
        extract(year from period_end) <= (
            select max(declared.review_year)
            from declared
        )
    order by household_code, standard_code, period_end, submission_id desc, row_number
),

remembered as (
    select
        *,
        case when lag(review_year) over household = review_year - 1 then lag(class_code) over household end
            as remembered_class_code,
        case when lag(review_year) over household = review_year - 1 then lag(member_count) over household end
            as remembered_member_count,
        count(*) over earlier > 0 as has_history,
        coalesce(bool_or(class_code = 'poor') over earlier, false) as was_poor,
        coalesce(bool_or(class_code = 'near_poor') over earlier, false) as was_near_poor,
        coalesce(
            class_previous,
            case
                when movement_reported in ('escaped_poverty', 'poor_to_near_poor') then 'poor'
                when movement_reported in ('escaped_near_poverty', 'near_poor_to_poor') then 'near_poor'
                when movement_reported = 'stayed' then class_code
                when movement_reported <> 'other' then 'not_poor'
            end
        ) as told_class_code
    from reviewed
    window
        household as (partition by household_code, standard_code order by review_year),
        earlier as (
            partition by household_code, standard_code
            order by review_year
            rows between unbounded preceding and 1 preceding
        )
),

-- Each household twice: as it is counted, and as its own row tells it.
with_previous as (
    select
        remembered.*,
        reading.is_counted,
        reading.previous_class_code,
        case
            when not reading.is_counted
                then coalesce(remembered.movement_reported in ('poor_relapsed', 'near_poor_relapsed'), false)
            when remembered.has_history and remembered.class_code = 'poor' then remembered.was_poor
            when remembered.has_history then remembered.was_near_poor
            else
                coalesce(
                    remembered.movement_reported
                    = case remembered.class_code when 'poor' then 'poor_relapsed' else 'near_poor_relapsed' end,
                    false
                )
        end as is_again
    from remembered
    left join list as list_before
        on
            remembered.sender_code = list_before.sender_code
            and remembered.standard_code = list_before.standard_code
            and remembered.review_year = list_before.review_year + 1
    cross join lateral (
        values
        (
            true,
            -- who was not on the sender's list of the year before, and of whom nothing else is told, was not poor
            coalesce(
                remembered.remembered_class_code,
                remembered.told_class_code,
                case when list_before.sender_code is not null then 'not_poor' end
            )
        ),
        (false, coalesce(remembered.told_class_code, remembered.remembered_class_code))
    ) as reading (is_counted, previous_class_code)
),

moved as (
    select
        household_code,
        standard_code,
        review_year,
        commune_code,
        is_counted,
        previous_class_code,
        class_code,
        member_count,
        coalesce(remembered_member_count, member_count) as member_count_at_start,
        case
            when previous_class_code is null then 'other'
            when previous_class_code = class_code then 'stayed'
            -- 'other' names an entry or exit that is no change of living: a move, a split, a death
            when movement_reported = 'other' and 'not_poor' in (previous_class_code, class_code) then 'other'
            when previous_class_code = 'poor'
                then case class_code when 'near_poor' then 'poor_to_near_poor' else 'poor_to_above' end
            when previous_class_code = 'near_poor'
                then case class_code when 'poor' then 'near_poor_to_poor' else 'near_poor_escaped' end
            when class_code = 'poor' then case when is_again then 'poor_relapsed' else 'poor_new' end
            when is_again then 'near_poor_relapsed'
            else 'near_poor_new'
        end as movement_code
    from with_previous
),

two_level as (
    select min(valid_from) as begins_on
    from reference.admin_unit
    where system = 'two_level'
),

-- Over the day when the district level ended a household that left the lists is missed by the commune that took its
-- own over.
off_list as (
    select
        before.household_code,
        before.standard_code,
        before.review_year + 1 as review_year,
        coalesce(successor.new_commune_code, before.commune_code) as commune_code,
        true as is_counted,
        before.class_code as previous_class_code,
        null as class_code,
        null::bigint as member_count,
        before.member_count as member_count_at_start,
        'other' as movement_code
    from reviewed as before
    cross join two_level
    left join reviewed as this_year
        on
            before.household_code = this_year.household_code
            and before.standard_code = this_year.standard_code
            and before.review_year + 1 = this_year.review_year
    left join reference.admin_unit_successor as successor
        on
            before.commune_code = successor.old_commune_code
            and before.review_year + 1 = extract(year from two_level.begins_on)
            and (successor.how = 'whole' or successor.is_main_part)
    where this_year.household_code is null
),

-- Where a household counts: by its class at the start and at the end, its movement, and the class that it came with or
-- left otherwise.
part as (
    select listed.*
    from (
        values
        ('class at the start', 'poor', 'poor_movement', 'start'),
        ('movement', 'poor_to_near_poor', 'poor_movement', 'to_near_poor'),
        ('movement', 'poor_to_above', 'poor_movement', 'to_above'),
        ('class left otherwise', 'poor', 'poor_movement', 'other_decrease'),
        ('movement', 'near_poor_to_poor', 'poor_movement', 'from_near_poor'),
        ('movement', 'poor_relapsed', 'poor_movement', 'relapsed'),
        ('movement', 'poor_new', 'poor_movement', 'new'),
        ('class entered otherwise', 'poor', 'poor_movement', 'other_increase'),
        ('class at the end', 'poor', 'poor_movement', 'end'),
        ('class at the start', 'near_poor', 'near_poor_movement', 'start'),
        ('movement', 'near_poor_escaped', 'near_poor_movement', 'escaped'),
        ('movement', 'near_poor_to_poor', 'near_poor_movement', 'to_poor'),
        ('class left otherwise', 'near_poor', 'near_poor_movement', 'other_decrease'),
        ('movement', 'poor_to_near_poor', 'near_poor_movement', 'from_poor'),
        ('movement', 'near_poor_relapsed', 'near_poor_movement', 'relapsed'),
        ('movement', 'near_poor_new', 'near_poor_movement', 'new'),
        ('class entered otherwise', 'near_poor', 'near_poor_movement', 'other_increase'),
        ('class at the end', 'near_poor', 'near_poor_movement', 'end')
    ) as listed (kind, code, dataset, column_name)
    where
        listed.dataset in (
            select declared.dataset
            from declared
        )
),

household as (
    select *
    from moved
    union all
    select *
    from off_list
),

contribution as (
    select
        household.standard_code,
        household.review_year,
        household.commune_code,
        household.household_code,
        household.is_counted,
        part.dataset,
        part.column_name,
        entry.persons
    from household
    cross join lateral (
        values
        ('class at the start', household.previous_class_code, household.member_count_at_start),
        ('movement', household.movement_code, household.member_count),
        (
            'class left otherwise',
            case household.movement_code when 'other' then household.previous_class_code end,
            household.member_count_at_start
        ),
        (
            'class entered otherwise',
            case household.movement_code when 'other' then household.class_code end,
            household.member_count
        ),
        ('class at the end', household.class_code, household.member_count)
    ) as entry (kind, code, persons)
    inner join part
        on
            entry.kind = part.kind
            and entry.code = part.code
    where
        (household.standard_code, household.review_year, household.commune_code) in (
            select
                declared.standard_code,
                declared.review_year,
                declared.commune_code
            from declared
        )
),

agreed as (
    select
        standard_code,
        review_year,
        commune_code,
        dataset,
        column_name,
        household_code,
        bool_or(is_counted) as is_counted,
        count(*) = 1 as is_disputed,
        max(persons) filter (where is_counted) as persons
    from contribution
    group by standard_code, review_year, commune_code, dataset, column_name, household_code
),

figure as (
    select
        standard_code,
        review_year,
        commune_code,
        dataset,
        column_name,
        count(*) filter (where is_counted) as household_count,
        coalesce(sum(persons), 0)::bigint as person_count,
        array_agg(household_code order by household_code) filter (where is_counted) as counted_codes,
        array_agg(household_code order by household_code) filter (where is_disputed) as disputed_codes
    from agreed
    group by standard_code, review_year, commune_code, dataset, column_name
),

start_unknown as (
    select distinct
        standard_code,
        review_year,
        commune_code
    from moved
    where
        is_counted
        and previous_class_code is null
),

compared as (
    select
        declared.submission_id,
        declared.sheet_name,
        declared.row_number,
        part.column_name,
        (declared.cells ->> part.column_name)::bigint as value,
        case declared.counted
            when 'households' then coalesce(figure.household_count, 0)
            when 'persons' then coalesce(figure.person_count, 0)
        end as expected,
        case
            when (declared.cells ->> part.column_name)::bigint = 0 then figure.counted_codes
            else figure.disputed_codes
        end as told_codes
    from declared
    inner join part
        on declared.dataset = part.dataset
    left join figure
        on
            declared.standard_code = figure.standard_code
            and declared.review_year = figure.review_year
            and declared.commune_code = figure.commune_code
            and declared.dataset = figure.dataset
            and part.column_name = figure.column_name
    left join start_unknown
        on
            declared.standard_code = start_unknown.standard_code
            and declared.review_year = start_unknown.review_year
            and declared.commune_code = start_unknown.commune_code
    where
        part.column_name = 'end'
        or start_unknown.commune_code is null
)

select
    compared.submission_id,
    compared.sheet_name,
    compared.row_number,
    compared.column_name,
    compared.value,
    compared.expected,
    coalesce(array_to_string(compared.told_codes[1:5], ', '), 'chưa xác định được') as households_vi,
    coalesce(array_to_string(compared.told_codes[1:5], ', '), 'could not be told') as households_en
from compared
where compared.value <> compared.expected
